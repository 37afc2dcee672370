import { KernelError } from '../errors.ts';
import type { Device } from './device.ts';

/**
 * A piece of device memory that the pool lends out, or a view of a part of one. `byteLength` is what was asked for,
 * `capacity` what was given.
 */
export class GpuBuffer {
  readonly device: Device;
  readonly gpu: GPUBuffer;
  readonly byteLength: number;
  readonly capacity: number;
  /** Identifies the underlying GPUBuffer in the bind-group cache. */
  readonly id: number;
  /** False for a buffer that the caller brought: releasing it leaves the GPUBuffer alone. */
  readonly owned: boolean;
  /** Where the first byte lies in `gpu`; other than 0 for views only. */
  readonly base: number;
  readonly #viewed: GpuBuffer | undefined;
  #views = 0;
  #writtenBy = 0;
  #released = false;

  constructor(fields: {
    device: Device;
    gpu: GPUBuffer;
    byteLength: number;
    capacity: number;
    id: number;
    owned: boolean;
    viewed?: { readonly buffer: GpuBuffer; readonly base: number };
  }) {
    this.device = fields.device;
    this.gpu = fields.gpu;
    this.byteLength = fields.byteLength;
    this.capacity = fields.capacity;
    this.id = fields.id;
    this.owned = fields.owned;
    this.#viewed = fields.viewed?.buffer;
    this.base = fields.viewed?.base ?? 0;
  }

  /** Whether other parts of the same memory have handles of their own. */
  get isView(): boolean {
    return this.#viewed !== undefined;
  }

  get released(): boolean {
    return this.#released;
  }

  /**
   * When the content was written last, as `Failures` counts; 0 where no recorded command wrote it. Kept by the device.
   * Views share one number with the whole: a part that the host wrote anew does not vouch for the others.
   */
  get writtenBy(): number {
    return this.#viewed?.writtenBy ?? this.#writtenBy;
  }

  set writtenBy(serial: number) {
    if (!this.#viewed) this.#writtenBy = serial;
    else if (serial > 0) this.#viewed.writtenBy = serial;
  }

  /**
   * A part as a buffer of its own, for kernels that take whole buffers. The memory goes back when the whole and all
   * views of it are released.
   * @param offset in bytes, a multiple of 256
   * @throws KernelError `kernel-range`
   */
  view(offset: number, byteLength: number): GpuBuffer {
    const inside = offset >= 0 && byteLength >= 0 && offset + byteLength <= this.byteLength;
    if (!inside || offset % viewAlignment !== 0 || this.#released) {
      throw new KernelError(
        'kernel-range',
        `view: ${byteLength} bytes from byte ${offset} of a ${this.#released ? 'released ' : ''}buffer of ${this.byteLength}`,
        `View a part that lies inside the buffer and starts at a multiple of ${viewAlignment} bytes.`,
      );
    }
    const { device, gpu, id, owned } = this;
    this.#views += 1;
    const viewed = { buffer: this, base: this.base + offset };
    return new GpuBuffer({ device, gpu, byteLength, capacity: byteLength, id, owned, viewed });
  }

  /** Gives the memory back; dispatches recorded later may reuse it. Calling it again does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#giveBack();
  }

  #giveBack(): void {
    if (!this.#released || this.#views > 0) return;
    const whole = this.#viewed;
    if (!whole) {
      this.device.reclaim(this);
      return;
    }
    whole.#views -= 1;
    whole.#giveBack();
  }
}

/** No device asks more of the offset of a storage binding. */
const viewAlignment = 256;

/** A buffer or a byte range of one, as a kernel's operand. */
export type BufferRange =
  | GpuBuffer
  | { readonly buffer: GpuBuffer; readonly offset: number; readonly size: number };

export const bufferOf = (range: BufferRange): GpuBuffer => ('offset' in range ? range.buffer : range);
