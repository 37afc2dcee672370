import type { Device } from './device.ts';

/** A piece of device memory that the pool lends out. `byteLength` is what was asked for, `capacity` what was given. */
export class GpuBuffer {
  readonly device: Device;
  readonly gpu: GPUBuffer;
  readonly byteLength: number;
  readonly capacity: number;
  /** Identifies the underlying GPUBuffer in the bind-group cache. */
  readonly id: number;
  /** False for a buffer that the caller brought: releasing it leaves the GPUBuffer alone. */
  readonly owned: boolean;
  /** When the content was written last, as `Failures` counts; 0 where no recorded command wrote it. Kept by the device. */
  writtenBy = 0;
  #released = false;

  constructor(fields: {
    device: Device;
    gpu: GPUBuffer;
    byteLength: number;
    capacity: number;
    id: number;
    owned: boolean;
  }) {
    this.device = fields.device;
    this.gpu = fields.gpu;
    this.byteLength = fields.byteLength;
    this.capacity = fields.capacity;
    this.id = fields.id;
    this.owned = fields.owned;
  }

  get released(): boolean {
    return this.#released;
  }

  /** Gives the memory back; dispatches recorded later may reuse it. Calling it again does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.device.reclaim(this);
  }
}

/** A buffer or a byte range of one, as a kernel's operand. */
export type BufferRange =
  | GpuBuffer
  | { readonly buffer: GpuBuffer; readonly offset: number; readonly size: number };

export const bufferOf = (range: BufferRange): GpuBuffer => ('offset' in range ? range.buffer : range);
