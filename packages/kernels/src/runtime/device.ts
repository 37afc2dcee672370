import type { Capabilities } from '../capabilities.ts';
import { type DeviceLostError, KernelError } from '../errors.ts';
import {
  type AnyKernel,
  type Binding,
  type Constants,
  type Kernel,
  maxParamBytes,
  type ParamType,
  resolveConstants,
  unsupported,
} from '../wgsl/index.ts';
import { GpuBuffer } from './buffer.ts';
import { type Capture, type CaptureOptions, Capturing } from './capture.ts';
import { type Dispatch, Dispatcher } from './dispatcher.ts';
import { deviceLost, inErrorScopes, refused } from './error-scopes.ts';
import { Failures } from './failures.ts';
import { type GpuPass, GpuTimer, type KernelTime, timeByKernel } from './gpu-timer.ts';
import { LeakReports } from './leaks.ts';
import { checkForeign, checkTransfer, checkUsable, wholeWords } from './operands.ts';
import { type Chooser, Tuned, type TunedPicks } from './picks.ts';
import type { AdapterDescription } from './platform/types.ts';
import { Poison } from './poison.ts';
import { BufferPool, type MemoryReport, type PooledBuffer } from './pool.ts';
import { type Command, maxDispatches, Recorder } from './recorder.ts';
import { TableCache } from './tables.ts';
import { Transfer } from './transfer.ts';
import { UniformRing } from './uniform-ring.ts';

export interface DeviceOptions {
  readonly adapter: AdapterDescription;
  readonly capabilities: Capabilities;
  /** Free buffers kept for reuse, in bytes. */
  readonly maxPooledBytes: number;
  /** Allocation past this many bytes in use throws `out-of-memory`. */
  readonly budgetBytes: number;
  /** Fills buffers with NaN bits when they are lent and when they come back; for tests. */
  readonly poison: boolean;
  /** Hears of what is garbage-collected while it holds memory; undefined for not watching. */
  readonly onLeak?: ((line: string) => void) | undefined;
  /** Workgroups in a row above which a grid is folded, where that is to be sooner than it has to; for tests. */
  readonly foldAt: number | undefined;
  /** Variant to use by kernel family, in place of the choice by shape. */
  readonly force: ReadonlyMap<string, string>;
  /** Variants to use by family and shape. */
  readonly tuned: TunedPicks;
  /** False for a GPUDevice that the caller brought: `destroy` then leaves it alive. */
  readonly owned: boolean;
}

/** An open GPU device: memory, recording and read-back. Made by `openDevice`. */
export class Device {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterDescription;
  readonly capabilities: Capabilities;
  /** Variant to use by kernel family; empty by default. */
  readonly force: ReadonlyMap<string, string>;
  /** Variants to use by family and shape; none where nobody tuned this adapter. */
  readonly tuned: Tuned;
  /** Chooses variants in the device's place, but for forced ones; set by `tune` while it measures. */
  chooser: Chooser | undefined;
  /** Settles with the reason when the device is lost or destroyed. */
  readonly lost: Promise<DeviceLostError>;
  /** Constant tables that kernels read, made on first use. */
  readonly tables: TableCache;
  /** Where owners of memory register; undefined where nobody listens. */
  readonly leaks: LeakReports | undefined;
  readonly #owned: boolean;
  readonly #failures = new Failures();
  readonly #pool: BufferPool;
  readonly #dispatcher: Dispatcher;
  readonly #recorder: Recorder;
  readonly #transfer: Transfer;
  readonly #capturing: Capturing;
  readonly #poison: Poison | undefined;
  #tellLost: (error: DeviceLostError) => void = () => undefined;

  constructor(gpu: GPUDevice, options: DeviceOptions) {
    this.gpu = gpu;
    this.adapter = options.adapter;
    this.capabilities = options.capabilities;
    this.force = options.force;
    this.tuned = new Tuned(options.tuned);
    this.#owned = options.owned;
    this.lost = new Promise((resolve) => {
      this.#tellLost = resolve;
    });
    void gpu.lost.then(({ message, reason }) => this.#lose(message || reason || 'unknown'));
    const { limits } = options.capabilities;
    const watch = (outcome: Promise<Error | undefined>) => this.#failures.watch(outcome);
    const paramsLayout = gpu.createBindGroupLayout({
      label: 'params',
      entries: [
        {
          binding: 0,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: 'uniform', hasDynamicOffset: true },
        },
      ],
    });
    const check = (buffer: GpuBuffer, by: string) => this.#checkBuffer(buffer, by);
    this.#dispatcher = new Dispatcher(gpu, options.capabilities, paramsLayout, watch, check, options.foldAt);
    this.#pool = new BufferPool(gpu, watch, {
      limits,
      maxPooledBytes: options.maxPooledBytes,
      budgetBytes: options.budgetBytes,
    });
    const slot = Math.max(maxParamBytes, limits.minUniformBufferOffsetAlignment);
    const ring = new UniformRing(gpu, maxDispatches, slot, paramsLayout);
    const open = () => this.#failures.open();
    this.#recorder = new Recorder(gpu, ring, open, (commands, submit) => this.#submit(commands, submit));
    this.#transfer = new Transfer(gpu, this.#recorder, watch);
    this.#capturing = new Capturing(this.#pool, this.#recorder);
    this.tables = new TableCache(
      (data, label) => {
        // Not poisoned: a replay would repeat that, and not the upload.
        this.#failures.throwIfFatal();
        const table = this.#lend(this.#pool.takeForever(data.byteLength, label), data.byteLength);
        this.#write(table, 0, data);
        return table;
      },
      ({ id }) => this.#pool.failureOf(id) !== undefined,
      () => !this.#capturing.active,
    );
    this.leaks = options.onLeak && new LeakReports(options.onLeak);
    this.#poison = options.poison ? new Poison(gpu, this.#recorder) : undefined;
  }

  /**
   * Device memory of `bytes` bytes with unspecified content. Where the device itself has no room, the next await
   * throws `out-of-memory`.
   * @throws AllocationError `buffer-too-large`, `out-of-memory` past the budget
   * @throws DeviceLostError
   */
  allocate(bytes: number, label = 'buffer'): GpuBuffer {
    const buffer = this.#allocate(bytes, label);
    this.#poison?.fill(buffer.gpu, buffer.capacity);
    return buffer;
  }

  #allocate(bytes: number, label: string): GpuBuffer {
    this.#failures.throwIfFatal();
    return this.#lend(this.#pool.take(bytes, label), bytes);
  }

  #lend({ gpu, capacity, id }: PooledBuffer, bytes: number): GpuBuffer {
    return new GpuBuffer({ device: this, gpu, byteLength: bytes, capacity, id, owned: true });
  }

  /** Device memory holding a copy of `data`. Throws as `allocate` does, and KernelError `kernel-capture`. */
  upload(data: ArrayBufferView, label = 'upload'): GpuBuffer {
    this.#capturing.refuse('an upload');
    const buffer = this.allocate(data.byteLength, label);
    this.write(buffer, 0, data);
    return buffer;
  }

  /**
   * Overwrites part of a buffer, after what is recorded already. Offset and length in bytes, multiples of 4 (the
   * length unless it ends the buffer).
   * @throws KernelError `kernel-range`, `kernel-capture`; LifetimeError, DeviceLostError
   */
  write(buffer: GpuBuffer, offset: number, data: ArrayBufferView): void {
    this.#capturing.refuse('an upload');
    this.#write(buffer, offset, data);
  }

  #write(buffer: GpuBuffer, offset: number, data: ArrayBufferView): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const overwritten = offset === 0 && bytes.byteLength >= buffer.byteLength;
    this.#checkBuffer(buffer, 'write', overwritten);
    checkTransfer('write', buffer, offset, bytes.byteLength);
    const padded = wholeWords(bytes.byteLength);
    if (padded === bytes.byteLength) {
      this.#transfer.upload(buffer.gpu, buffer.base + offset, bytes);
    } else {
      const words = new Uint8Array(padded);
      words.set(bytes);
      this.#transfer.upload(buffer.gpu, buffer.base + offset, words);
    }
    if (overwritten) buffer.writtenBy = 0;
  }

  /**
   * Lends the caller's own GPUBuffer (usage STORAGE | COPY_SRC | COPY_DST, whole words); releasing it leaves it alive.
   * @throws KernelError `kernel-buffer`, DeviceLostError
   */
  wrap(gpu: GPUBuffer, byteLength = gpu.size): GpuBuffer {
    this.#failures.throwIfFatal();
    checkForeign(gpu, byteLength);
    const id = this.#pool.foreignId();
    return new GpuBuffer({ device: this, gpu, byteLength, capacity: gpu.size, id, owned: false });
  }

  /** Why this device cannot run the kernel with these constants, or undefined. */
  unsupported(kernel: AnyKernel, constants: Constants = {}): string | undefined {
    return unsupported(kernel, resolveConstants(kernel, constants, this.capabilities), this.capabilities);
  }

  /**
   * Compiles a kernel ahead of its first dispatch. Some drivers (lavapipe) still leave the better part of the work to
   * the first dispatch.
   * @throws ShaderError `wgsl-*`, KernelError `kernel-unsupported`, `kernel-constant`, and what `read` throws
   */
  async compile(kernel: AnyKernel, constants: Constants = {}): Promise<void> {
    this.#failures.throwIfFatal();
    this.#dispatcher.compile(kernel, constants);
    await this.#failures.settle(Promise.resolve());
  }

  /**
   * Records one dispatch.
   * @throws KernelError `kernel-unsupported`, `kernel-constant`, `kernel-precondition`, `kernel-params`,
   *   `kernel-binding`, `kernel-aliased`, `kernel-grid`
   * @throws AllocationError `binding-too-large`
   * @throws ShaderError for a kernel that is known not to compile
   * @throws LifetimeError, DeviceLostError
   */
  dispatch<B extends Record<string, Binding>, P extends Record<string, ParamType>>(
    kernel: Kernel<B, P>,
    dispatch: Dispatch<B, P>,
  ): void {
    this.#failures.throwIfFatal();
    const prepared = this.#dispatcher.prepare(kernel, dispatch);
    if (!prepared) return;
    this.#capturing.note(prepared.ranges, prepared.written, prepared.replayParams);
    for (const buffer of prepared.written) buffer.writtenBy = this.#failures.serial;
    this.#recorder.dispatch(prepared.command);
  }

  /**
   * Records a copy between two buffers; offsets and length in bytes, multiples of 4.
   * @throws KernelError `kernel-range`, LifetimeError, DeviceLostError
   */
  copy(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, bytes: number): void {
    this.#checkBuffer(from, 'copy');
    this.#checkBuffer(to, 'copy', toOffset === 0 && bytes >= to.byteLength && !to.isView);
    checkTransfer('copy', from, fromOffset, bytes);
    checkTransfer('copy', to, toOffset, bytes);
    if (bytes === 0) return;
    if (from.gpu === to.gpu) {
      throw new KernelError(
        'kernel-range',
        'copy: both sides are one buffer',
        'Copy by way of a third buffer.',
      );
    }
    this.#capturing.note([from, to], [to]);
    to.writtenBy = this.#failures.serial;
    const [source, target] = [from.base + fromOffset, to.base + toOffset];
    this.#recorder.copy(from.gpu, source, to.gpu, target, wholeWords(bytes));
  }

  /** Records filling a whole buffer with zeros. */
  clear(buffer: GpuBuffer): void {
    this.#checkBuffer(buffer, 'clear', !buffer.isView);
    this.#capturing.note([buffer], [buffer]);
    buffer.writtenBy = this.#failures.serial;
    const bytes = wholeWords(buffer.byteLength);
    if (bytes > 0) this.#recorder.clear(buffer.gpu, buffer.base, bytes);
  }

  /**
   * Submits what is recorded and copies bytes back; offset in bytes, a multiple of 4.
   * @throws DeviceLostError, GpuValidationError, AllocationError, ShaderError for anything that went wrong so far
   * @throws KernelError `kernel-range`, `kernel-capture`; LifetimeError
   */
  async read(buffer: GpuBuffer, offset = 0, bytes = buffer.byteLength - offset): Promise<ArrayBuffer> {
    this.#capturing.refuse('a read-back');
    this.#checkBuffer(buffer, 'read');
    const padded = wholeWords(bytes);
    checkTransfer('read', buffer, offset, padded);
    if (bytes === 0) return await this.#failures.settle(Promise.resolve(new ArrayBuffer(0)));
    const data = await this.#failures.settle(this.#transfer.read(buffer.gpu, buffer.base + offset, padded));
    return padded === bytes ? data : data.slice(0, bytes);
  }

  /** Submits what is recorded, without waiting. @throws DeviceLostError */
  flush(): void {
    this.#failures.throwIfFatal();
    this.#recorder.flush();
  }

  /** Submits what is recorded and waits until the queue is idle. Throws as `read` does. */
  async synchronize(): Promise<void> {
    this.flush();
    await this.#failures.settle(this.gpu.queue.onSubmittedWorkDone());
  }

  /** What the passes of dispatches from here on are labelled in a trace. */
  labelPasses(label: string): void {
    this.#recorder.label = label;
  }

  /** Runs `work` and returns the GPU time of what it dispatched, by kernel, the longest first. Otherwise as `trace`. */
  async profile(work: () => void | Promise<void>): Promise<KernelTime[]> {
    return timeByKernel(await this.trace(work));
  }

  /**
   * Runs `work` and returns when the GPU was at which of its dispatches. Each has a pass of its own meanwhile, so that
   * the whole takes longer than without.
   * @throws KernelError `kernel-unsupported` where the device has no timestamps, and what `read` throws
   */
  async trace(work: () => void | Promise<void>): Promise<GpuPass[]> {
    this.#failures.throwIfFatal();
    const timer = new GpuTimer(this.gpu, maxDispatches);
    this.#recorder.timeWith(timer);
    try {
      await work();
    } finally {
      this.#recorder.timeWith(undefined);
    }
    try {
      return await this.#failures.settle(timer.passes());
    } finally {
      timer.destroy();
    }
  }

  /**
   * Runs `work`, which records commands, and keeps them to be recorded again. Everything that it allocates and does not
   * hand out is reused inside, and stays with the capture; what a replay reads and writes are the buffers of this run.
   * So operands that change between replays are buffers from outside `work`, written or copied into before a replay,
   * and not released inside.
   *
   * @param work synchronous, without uploads and read-backs; tables are made as needed
   * @throws KernelError `kernel-capture` for an upload, a read-back, a promise, or a capture inside; what `work` throws
   */
  capture<T>(work: () => T, options: CaptureOptions = {}): { readonly result: T; readonly capture: Capture } {
    this.#failures.throwIfFatal();
    const check = (operands: readonly GpuBuffer[]) => {
      this.#failures.throwIfFatal();
      // Where nothing ever failed the operands need not be looked at, each of which is a miss of the caches.
      if (!this.#pool.failed && !this.#failures.damaged) return;
      for (const operand of operands) if (!operand.released) this.#checkBuffer(operand, 'replay');
    };
    return this.#capturing.run(work, options, check, () => this.#failures.serial);
  }

  /** Bytes of device memory in use, in tables, free in the pool, and the highest use so far. */
  memory(): MemoryReport {
    return this.#pool.report(this.tables.bytes);
  }

  /** Starts a new measurement of the peak. */
  resetPeakMemory(): void {
    this.#pool.resetPeak();
  }

  /** Takes a released buffer back; called by `GpuBuffer.release`. */
  reclaim(buffer: GpuBuffer): void {
    if (!buffer.owned) return;
    if (!this.#failures.isFatal) this.#poison?.fill(buffer.gpu, buffer.capacity);
    this.#pool.give(buffer.id);
  }

  /**
   * Frees everything, buffers that are in use as well. Pending reads reject with `device-lost`, later calls throw it.
   * A GPUDevice that the caller brought stays alive.
   */
  destroy(): void {
    this.#lose('destroyed by the program');
    this.leaks?.stop();
    this.tables.clear();
    this.#recorder.destroy();
    this.#transfer.destroy();
    this.#poison?.destroy();
    this.#dispatcher.destroy();
    this.#pool.destroy();
    if (this.#owned) this.gpu.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  #lose(reason: string): void {
    const error = deviceLost(reason);
    this.#failures.fatal(error);
    this.#tellLost(error);
  }

  #submit(commands: readonly Command[], submit: () => void): void {
    const { error } = inErrorScopes(this.gpu, ['internal', 'out-of-memory', 'validation'], submit);
    const failed = ({ message }: GPUError) => {
      const kernels = new Set(commands.map(({ kernel }) => kernel));
      return refused(`a submission with ${[...kernels].join(', ') || 'copies only'}`, message);
    };
    this.#failures.watchSubmission(error.then((found) => found && failed(found)));
    this.#pool.trim();
  }

  /** @param overwritten the old content does not matter, of the buffer nor of what it is a view of */
  #checkBuffer(buffer: GpuBuffer, by: string, overwritten = false): void {
    this.#failures.throwIfFatal();
    checkUsable(this, buffer, by);
    const failure = this.#pool.failureOf(buffer.id);
    if (failure) throw failure;
    const damage = overwritten ? undefined : this.#failures.damage(buffer.writtenBy);
    if (damage) throw damage;
  }
}
