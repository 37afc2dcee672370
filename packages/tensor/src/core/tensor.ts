import { type Device, type GpuBuffer, LifetimeError, ShapeError } from '@lua-webgpu/kernels';
import { f16ToF32Bits } from '../files/index.ts';
import type { DType } from './dtype.ts';
import type { Scope } from './scope.ts';
import { checkShape, elements, formatShape, type Shape, type TensorSpec } from './shape.ts';
import type { GradientSource, Tape } from './tape.ts';

/** Device memory shared by the tensors that are views of it, given back when the last one is disposed. */
export class Storage {
  readonly buffer: GpuBuffer;
  /** Grows when the content is changed in place, so that a backward pass notices what it can no longer use. */
  version = 0;
  #references = 1;

  /** Takes the buffer over; `label` and `spec` say what it is where leaks are watched for. */
  constructor(buffer: GpuBuffer, label: string, spec: TensorSpec) {
    this.buffer = buffer;
    if (!buffer.owned) return;
    buffer.device.leaks?.watch(this, `${label} ${formatShape(spec.shape)} ${spec.dtype}`, buffer.byteLength);
  }

  retain(): void {
    this.#references += 1;
  }

  release(): void {
    this.#references -= 1;
    if (this.#references > 0) return;
    this.buffer.device.leaks?.forget(this);
    this.buffer.release();
  }
}

export interface TensorFields extends TensorSpec {
  readonly storage: Storage;
  /** Undefined for tensors that somebody owns by hand: parameters, and what a root scope kept. */
  readonly scope: Scope | undefined;
  readonly tape?: Tape | undefined;
  readonly source?: GradientSource | undefined;
}

/**
 * An array on a device: contiguous, row-major. Ops make new ones; only optimisers and what loads parameters write in
 * place, and say so with `markModified`.
 */
export class Tensor implements TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly #storage: Storage;
  #scope: Scope | undefined;
  #tape: Tape | undefined;
  #source: GradientSource | undefined;
  #disposed = false;

  /** Takes over one reference to the storage. Use `scope.tensor(…)` to make a tensor from data. */
  constructor(fields: TensorFields) {
    this.shape = fields.shape;
    this.dtype = fields.dtype;
    this.#storage = fields.storage;
    this.#scope = fields.scope;
    this.#tape = fields.tape;
    this.#source = fields.source;
    this.#scope?.adopt(this);
  }

  get device(): Device {
    return this.#storage.buffer.device;
  }

  get scope(): Scope | undefined {
    return this.#scope;
  }

  /** The tape that ops on this tensor are recorded on. */
  get tape(): Tape | undefined {
    return this.#tape;
  }

  /** What a gradient of this tensor flows back to; undefined for constants. */
  get source(): GradientSource | undefined {
    return this.#source;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** How often the memory has been changed in place. */
  get version(): number {
    return this.#storage.version;
  }

  /** Called by whatever has recorded a write to the tensor's memory. */
  markModified(): void {
    this.#storage.version += 1;
  }

  /** Number of elements. */
  get size(): number {
    return elements(this.shape);
  }

  /** The device memory; stays the tensor's. @throws LifetimeError `tensor-disposed` */
  buffer(usedBy = 'buffer'): GpuBuffer {
    if (this.#disposed) {
      throw new LifetimeError(
        'tensor-disposed',
        `${usedBy} got a tensor ${formatShape(this.shape)} that was disposed`,
        'Keep it with scope.keep(tensor), or use it before its scope ends.',
      );
    }
    return this.#storage.buffer;
  }

  /** The same memory under another shape; one size may be −1. @throws ShapeError `shape-mismatch`, `shape-invalid` */
  reshape(shape: Shape): Tensor {
    this.buffer('reshape');
    const given = shape.filter((size) => size !== -1);
    checkShape(shape.map((size) => (size === -1 ? 0 : size)));
    const full = shape.map((size) => (size === -1 ? this.size / elements(given) : size));
    const open = shape.length - given.length;
    if (open > 1 || elements(full) !== this.size || !full.every(Number.isInteger)) {
      throw new ShapeError(
        'shape-mismatch',
        `reshape: ${formatShape(this.shape)} cannot become ${formatShape(shape)}`,
        'Keep the number of elements.',
      );
    }
    const reshaped = this.#handle(full, this.#scope);
    const { tape, source, shape: original } = this;
    if (tape && source?.kind === 'node') {
      const recorded = tape.record({
        name: 'reshape',
        backward: (gradient, sink) => sink.accumulate(source, gradient.reshape(original)),
        release: () => undefined,
      });
      reshaped.place(tape, recorded);
    }
    return reshaped;
  }

  /** Another handle on the same memory, on no tape: gradients stop here. */
  detach(): Tensor {
    this.buffer('detach');
    const handle = this.#handle(this.shape, this.#scope);
    handle.place(undefined, undefined);
    return handle;
  }

  /** Another handle on the same memory, owned by `scope`. @throws LifetimeError `scope-ended` */
  view(scope: Scope): Tensor {
    this.buffer('view');
    return this.#handle(this.shape, scope);
  }

  /** Reads the values back; f16 is widened. Throws what the device found wrong so far. */
  async read(): Promise<Float32Array | Int32Array | Uint32Array> {
    const bytes = await this.device.read(this.buffer('read'));
    if (this.dtype === 'i32') return new Int32Array(bytes);
    if (this.dtype === 'u32') return new Uint32Array(bytes);
    if (this.dtype === 'f32') return new Float32Array(bytes);
    return new Float32Array(Uint32Array.from(new Uint16Array(bytes, 0, this.size), f16ToF32Bits).buffer);
  }

  /** The values of an f32 or f16 tensor. @throws ShapeError `dtype-mismatch` */
  async readFloats(): Promise<Float32Array> {
    const values = await this.read();
    if (values instanceof Float32Array) return values;
    throw new ShapeError('dtype-mismatch', `readFloats: the tensor is ${this.dtype}`, 'Use read().');
  }

  /** Gives this handle's memory back. Calling it again does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#scope?.forget(this);
    this.#storage.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Called by Scope.keep. */
  moveTo(scope: Scope | undefined): void {
    scope?.adopt(this);
    this.#scope?.forget(this);
    this.#scope = scope;
  }

  /** Called by tapes and ops: says what gradients of this tensor flow back to. */
  place(tape: Tape | undefined, source: GradientSource | undefined): this {
    this.#tape = tape;
    this.#source = source;
    return this;
  }

  /** Another handle that no scope owns; disposing it is the caller's. */
  retain(): Tensor {
    this.buffer('retain');
    return this.#handle(this.shape, undefined);
  }

  #handle(shape: Shape, scope: Scope | undefined): Tensor {
    const { dtype, tape, source } = this;
    const handle = new Tensor({ shape, dtype, storage: this.#storage, scope, tape, source });
    // Counted once the scope has taken the handle: an ended one throws, and nobody would release what was counted.
    this.#storage.retain();
    return handle;
  }
}
