import type { GpuTimer } from './gpu-timer.ts';
import type { UniformRing } from './uniform-ring.ts';

/** One dispatch, ready to be recorded. */
export interface Command {
  readonly kernel: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** The params, where there are some and they fit the device's immediates. A buffer: dawn.node is slower with views. */
  readonly immediates: ArrayBuffer | undefined;
  /** The params, where they go through the uniform ring. */
  readonly uniforms: Uint8Array<ArrayBuffer> | undefined;
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly flops: number;
}

/** What was recorded, to be recorded again: a dispatch, or a function that records a copy or a clear. */
export type Step = Command | (() => void);

/** Dispatches of one submission. */
export const maxDispatches = 128;
const maxFlops = 5e9;
/** Copies and clears of one submission: a bound on the encoder's memory where nothing is dispatched. */
const maxCopies = 1024;

/**
 * Appends dispatches and copies to one open command encoder. Submitting is what costs CPU time, so it happens when
 * somebody waits for a result or when the recorded work is worth sending ahead.
 */
export class Recorder {
  /** Of the passes that are timed. */
  label = '';
  readonly #gpu: GPUDevice;
  readonly #uniforms: UniformRing;
  readonly #onOpen: () => void;
  readonly #onSubmit: (commands: readonly Command[], submit: () => void) => void;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: GPUComputePipeline | undefined;
  #bindGroup: GPUBindGroup | undefined;
  #commands: Command[] = [];
  #copies = 0;
  #flops = 0;
  #timer: GpuTimer | undefined;
  #captured: Step[] | undefined;

  /** @param onOpen called before the first command of a submission  @param onSubmit calls `submit` once */
  constructor(
    gpu: GPUDevice,
    uniforms: UniformRing,
    onOpen: () => void,
    onSubmit: (commands: readonly Command[], submit: () => void) => void,
  ) {
    this.#gpu = gpu;
    this.#uniforms = uniforms;
    this.#onOpen = onOpen;
    this.#onSubmit = onSubmit;
  }

  /** Gives every dispatch a pass of its own, timed, until this is called with undefined. */
  timeWith(timer: GpuTimer | undefined): void {
    this.flush();
    this.#timer = timer;
  }

  /** Adds what is recorded to `steps`, until this is called with undefined. */
  captureIn(steps: Step[] | undefined): void {
    this.#captured = steps;
  }

  replay(steps: readonly Step[]): void {
    for (const step of steps) {
      if (typeof step === 'function') step();
      else this.dispatch(step);
    }
  }

  dispatch(command: Command): void {
    this.#captured?.push(command);
    const pass = this.#timer ? this.#timedPass(command, this.#timer) : this.#openPass();
    if (this.#pipeline !== command.pipeline) {
      pass.setPipeline(command.pipeline);
      this.#pipeline = command.pipeline;
    }
    if (this.#bindGroup !== command.bindGroup) {
      pass.setBindGroup(0, command.bindGroup);
      this.#bindGroup = command.bindGroup;
    }
    if (command.immediates) pass.setImmediates(0, command.immediates);
    else if (command.uniforms) this.#uniforms.set(pass, command.uniforms);
    pass.dispatchWorkgroups(command.x, command.y, command.z);
    this.#commands.push(command);
    this.#flops += command.flops;
    if (this.#commands.length >= maxDispatches || this.#flops >= maxFlops) this.flush();
  }

  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#captured?.push(() => this.copy(from, fromOffset, to, toOffset, bytes));
    this.#betweenPasses().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
    this.#countCopy();
  }

  clear(buffer: GPUBuffer, offset: number, bytes: number): void {
    this.#captured?.push(() => this.clear(buffer, offset, bytes));
    this.#betweenPasses().clearBuffer(buffer, offset, bytes);
    this.#countCopy();
  }

  flush(): void {
    const encoder = this.#encoder;
    if (!encoder) return;
    const commands = this.#commands;
    this.#closePass();
    this.#forget();
    this.#onSubmit(commands, () => {
      const readTimes = this.#timer?.resolve(encoder);
      this.#uniforms.upload();
      this.#gpu.queue.submit([encoder.finish()]);
      readTimes?.();
    });
  }

  /** Drops what is recorded and frees the ring; nothing can be recorded any more. */
  destroy(): void {
    this.#closePass();
    this.#forget();
    this.#uniforms.destroy();
  }

  #countCopy(): void {
    this.#copies += 1;
    if (this.#copies >= maxCopies) this.flush();
  }

  #forget(): void {
    this.#encoder = undefined;
    this.#commands = [];
    this.#copies = 0;
    this.#flops = 0;
  }

  #betweenPasses(): GPUCommandEncoder {
    this.#closePass();
    return this.#openEncoder();
  }

  #openEncoder(): GPUCommandEncoder {
    if (!this.#encoder) {
      this.#onOpen();
      this.#encoder = this.#gpu.createCommandEncoder();
    }
    return this.#encoder;
  }

  #openPass(): GPUComputePassEncoder {
    this.#pass ??= this.#openEncoder().beginComputePass();
    return this.#pass;
  }

  #timedPass({ kernel, flops }: Command, timer: GpuTimer): GPUComputePassEncoder {
    const timestampWrites = timer.next(kernel, flops, this.label);
    this.#pass = this.#betweenPasses().beginComputePass({ timestampWrites });
    return this.#pass;
  }

  #closePass(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
    this.#bindGroup = undefined;
  }
}
