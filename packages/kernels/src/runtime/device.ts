import { packParams } from '../wgsl/index.ts';
import { type Binding, type Kernel, type Params, type ParamType, resolveConstants, unsupported } from '../wgsl/index.ts';
import type { Constants } from '../wgsl/index.ts';
import { BindGroupCache } from './bind-groups.ts';
import { type BufferRange, GpuBuffer } from './buffer.ts';
import type { Capabilities } from '../capabilities.ts';
import { AllocationError, DeviceLostError, GpuValidationError, KernelError, LifetimeError } from '../errors.ts';
import { Failures } from './failures.ts';
import { PipelineCache } from './pipelines.ts';
import type { AdapterDescription } from './platform/types.ts';
import { Poison } from './poison.ts';
import { BufferPool, type MemoryReport } from './pool.ts';
import { Recorder } from './recorder.ts';
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
  /** Variant to use by kernel family, in place of the choice by shape. */
  readonly force: ReadonlyMap<string, string>;
  /** False for a GPUDevice that the caller brought: `destroy` then leaves it alive. */
  readonly owned: boolean;
}

export interface Dispatch<B extends Record<string, Binding>, P extends Record<string, ParamType>> {
  readonly buffers: { readonly [K in keyof B]?: BufferRange | undefined };
  readonly params: Params<P>;
  readonly constants?: Constants;
}

/** An open GPU device: memory, recording and read-back. Made by `openDevice`. */
export class Device {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterDescription;
  readonly capabilities: Capabilities;
  /** Variant to use by kernel family; empty by default. */
  readonly force: ReadonlyMap<string, string>;
  /** Settles with the reason when the device is lost or destroyed. */
  readonly lost: Promise<DeviceLostError>;
  /** Constant tables that kernels read, made on first use. */
  readonly tables: TableCache;
  readonly #owned: boolean;
  readonly #failures = new Failures();
  readonly #pool: BufferPool;
  readonly #pipelines: PipelineCache;
  readonly #bindGroups: BindGroupCache;
  readonly #recorder: Recorder;
  readonly #transfer: Transfer;
  readonly #poison: Poison | undefined;

  constructor(gpu: GPUDevice, options: DeviceOptions) {
    this.gpu = gpu;
    this.adapter = options.adapter;
    this.capabilities = options.capabilities;
    this.force = options.force;
    this.#owned = options.owned;
    this.lost = gpu.lost.then((info) => this.#lose(info.message || info.reason || 'unknown'));
    const watch = (outcome: Promise<Error | undefined>) => this.#failures.watch(outcome);
    const uniformSlot = Math.max(64, options.capabilities.limits.minUniformBufferOffsetAlignment);
    const paramsLayout = gpu.createBindGroupLayout({
      label: 'params',
      entries: [
        { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } },
      ],
    });
    this.#pipelines = new PipelineCache(gpu, options.capabilities, paramsLayout, watch);
    this.#bindGroups = new BindGroupCache(gpu);
    this.#pool = new BufferPool({
      create: (bytes) => this.#createBuffer(bytes),
      onDestroy: (id) => this.#bindGroups.forget(id),
      limits: options.capabilities.limits,
      maxPooledBytes: options.maxPooledBytes,
      budgetBytes: options.budgetBytes,
    });
    const ring = new UniformRing(gpu, uniformSlot, paramsLayout);
    this.#recorder = new Recorder(gpu, ring, (kernels, submit) => this.#submit(kernels, submit));
    this.#transfer = new Transfer(gpu, this.#recorder);
    this.tables = new TableCache((data, label) => this.upload(data, label));
    this.#poison = options.poison ? new Poison(gpu, this.#recorder) : undefined;
  }

  /**
   * Device memory of `bytes` bytes with unspecified content.
   * @throws AllocationError `buffer-too-large`, `out-of-memory`
   * @throws DeviceLostError
   */
  allocate(bytes: number, label = 'buffer'): GpuBuffer {
    this.#failures.throwIfFatal();
    const { gpu, capacity, id } = this.#pool.take(bytes, label);
    this.#poison?.fill(gpu, capacity);
    return new GpuBuffer({ device: this, gpu, byteLength: bytes, capacity, id, owned: true });
  }

  /** Device memory holding a copy of `data`. Throws as `allocate` does. */
  upload(data: ArrayBufferView, label = 'upload'): GpuBuffer {
    const buffer = this.allocate(data.byteLength, label);
    this.write(buffer, 0, data);
    return buffer;
  }

  /** Overwrites part of a buffer, after what is recorded already. Offset in bytes, a multiple of 4. */
  write(buffer: GpuBuffer, offset: number, data: ArrayBufferView): void {
    this.#checkBuffer(buffer, 'write');
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const tail = bytes.byteLength % 4;
    if (tail === 0) return this.#transfer.upload(buffer.gpu, offset, bytes);
    const padded = new Uint8Array(bytes.byteLength + 4 - tail);
    padded.set(bytes);
    this.#transfer.upload(buffer.gpu, offset, padded);
  }

  /** Lends the caller's own GPUBuffer (usage STORAGE | COPY_SRC | COPY_DST); releasing it leaves it alive. */
  wrap(gpu: GPUBuffer, byteLength = gpu.size): GpuBuffer {
    return new GpuBuffer({ device: this, gpu, byteLength, capacity: gpu.size, id: this.#pool.foreignId(), owned: false });
  }

  /** Why this device cannot run the kernel with these constants, or undefined. */
  unsupported(kernel: Kernel, constants: Constants = {}): string | undefined {
    return unsupported(kernel, resolveConstants(kernel, constants, this.capabilities), this.capabilities);
  }

  /**
   * Records one dispatch.
   * @throws KernelError `kernel-unsupported`, `kernel-constant`, `kernel-precondition`, `kernel-binding`
   * @throws DeviceLostError
   */
  dispatch<B extends Record<string, Binding>, P extends Record<string, ParamType>>(
    kernel: Kernel<B, P>,
    { buffers, params, constants: given = {} }: Dispatch<B, P>,
  ): void {
    this.#failures.throwIfFatal();
    const constants = resolveConstants(kernel, given, this.capabilities);
    const reason = unsupported(kernel, constants, this.capabilities);
    if (reason) {
      throw new KernelError('kernel-unsupported', `${kernel.name} ${reason}`, 'Let the family choose the variant.');
    }
    const broken = kernel.check?.(params, constants);
    if (broken) {
      throw new KernelError(
        'kernel-precondition',
        `${kernel.name}: ${broken} (params ${JSON.stringify(params)})`,
        'Call the family, which picks a variant that takes this shape.',
      );
    }
    const compiled = this.#pipelines.get(kernel, constants);
    const ranges = compiled.bindingNames.map((name) => this.#range(kernel.name, name, buffers[name]));
    const packed = packParams(kernel, params);
    const grid = kernel.grid(params, constants);
    if (grid[0] === 0 || grid[1] === 0 || grid[2] === 0) return;
    this.#recorder.dispatch({
      kernel: kernel.name,
      pipeline: compiled.pipeline,
      bindGroup: this.#bindGroups.get(compiled, ranges),
      params: packed,
      immediates: packed.byteLength <= this.capabilities.immediateBytes,
      grid,
      flops: kernel.cost(params, constants).flops,
    });
  }

  /** Records a copy between buffers; offsets and length in bytes, multiples of 4. */
  copy(from: GpuBuffer, fromOffset: number, to: GpuBuffer, toOffset: number, bytes: number): void {
    this.#checkBuffer(from, 'copy');
    this.#checkBuffer(to, 'copy');
    if (bytes > 0) this.#recorder.copy(from.gpu, fromOffset, to.gpu, toOffset, bytes);
  }

  /** Records filling a whole buffer with zeros. */
  clear(buffer: GpuBuffer): void {
    this.#checkBuffer(buffer, 'clear');
    if (buffer.byteLength > 0) this.#recorder.clear(buffer.gpu, 0, Math.ceil(buffer.byteLength / 4) * 4);
  }

  /**
   * Submits what is recorded and copies bytes back; offset and length in bytes.
   * @throws DeviceLostError, GpuValidationError, AllocationError, ShaderError for anything that went wrong so far
   */
  async read(buffer: GpuBuffer, offset = 0, bytes = buffer.byteLength - offset): Promise<ArrayBuffer> {
    this.#checkBuffer(buffer, 'read');
    if (bytes === 0) return await this.#failures.settle(Promise.resolve(new ArrayBuffer(0)));
    const padded = Math.ceil(bytes / 4) * 4;
    const data = await this.#failures.settle(this.#transfer.read(buffer.gpu, offset, padded));
    return padded === bytes ? data : data.slice(0, bytes);
  }

  /** Submits what is recorded, without waiting. */
  flush(): void {
    this.#recorder.flush();
  }

  /** Submits what is recorded and waits until the queue is idle. Throws as `read` does. */
  async synchronize(): Promise<void> {
    this.#failures.throwIfFatal();
    this.#recorder.flush();
    await this.#failures.settle(this.gpu.queue.onSubmittedWorkDone());
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
    if (!buffer.owned) return this.#bindGroups.forget(buffer.id);
    this.#poison?.fill(buffer.gpu, buffer.capacity);
    this.#pool.give(buffer);
  }

  /** Frees everything. Pending reads reject with `device-lost`. */
  destroy(): void {
    this.#lose('destroyed by the program');
    this.#transfer.destroy();
    this.tables.clear();
    this.#pool.trim(0);
    if (this.#owned) this.gpu.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  #lose(reason: string): DeviceLostError {
    const error = new DeviceLostError(
      'device-lost',
      `the GPU device was lost: ${reason}`,
      'Open a new device and load the model again; tensors of the lost device are gone.',
    );
    this.#failures.fatal(error);
    return error;
  }

  #createBuffer(size: number): GPUBuffer {
    const { gpu } = this;
    gpu.pushErrorScope('out-of-memory');
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = gpu.createBuffer({ size, usage });
    this.#failures.watch(
      gpu
        .popErrorScope()
        .then((error) =>
          error
            ? new AllocationError(
                'out-of-memory',
                `the device could not allocate ${size} bytes: ${error.message}`,
                'Close other programs that use the GPU, or pass a smaller `tile` or batch.',
              )
            : undefined,
        ),
    );
    return buffer;
  }

  #submit(kernels: ReadonlySet<string>, submit: () => void): void {
    this.gpu.pushErrorScope('validation');
    submit();
    this.#failures.watch(
      this.gpu
        .popErrorScope()
        .then((error) =>
          error
            ? new GpuValidationError(
                'gpu-validation',
                `a submission with ${[...kernels].join(', ') || 'copies only'} failed: ${error.message}`,
                'This is a defect of the library; please report it with the message.',
              )
            : undefined,
        ),
    );
    this.#transfer.afterSubmit();
    this.#pool.trim();
  }

  #range(kernel: string, name: string, range: BufferRange | undefined): BufferRange {
    if (!range) throw new KernelError('kernel-binding', `${kernel} needs a buffer for ${name}`, 'Pass every binding.');
    const buffer = 'offset' in range ? range.buffer : range;
    this.#checkBuffer(buffer, kernel);
    const size = 'offset' in range ? range.size : range.byteLength;
    const limit = this.capabilities.limits.maxStorageBufferBindingSize;
    if (size > limit) {
      throw new AllocationError(
        'binding-too-large',
        `${kernel}: ${name} has ${size} bytes, a binding holds ${limit}`,
        'Work on smaller pieces: pass a smaller `tile` or batch.',
      );
    }
    return range;
  }

  #checkBuffer(buffer: GpuBuffer, by: string): void {
    if (buffer.released) {
      throw new LifetimeError('tensor-disposed', `${by} got a buffer that was released`, 'Keep it until its last use.');
    }
    if (buffer.device !== this) {
      throw new LifetimeError('tensor-device', `${by} got a buffer of another device`, 'Read it back and upload it here.');
    }
  }
}
