/** A GPUBuffer that remembers whether it was destroyed. */
export interface FakeBuffer extends GPUBuffer {
  destroyed: boolean;
}

/**
 * As much of a GPUDevice as the pool uses. `room` is what it can hold in bytes: a buffer beyond that is reported to
 * the error scopes, as WebGPU does, and returned all the same.
 */
export class FakeGpu {
  room = Number.POSITIVE_INFINITY;
  readonly buffers: FakeBuffer[] = [];
  #scopes: (GPUError | null)[] = [];

  pushErrorScope(): void {
    this.#scopes.push(null);
  }

  async popErrorScope(): Promise<GPUError | null> {
    return this.#scopes.pop() ?? null;
  }

  createBuffer({ size }: GPUBufferDescriptor): FakeBuffer {
    const held = this.buffers
      .filter(({ destroyed }) => !destroyed)
      .reduce((sum, buffer) => sum + buffer.size, 0);
    if (held + size > this.room) this.#scopes[this.#scopes.length - 1] = { message: 'no room' } as GPUError;
    const buffer = {
      size,
      destroyed: false,
      destroy() {
        this.destroyed = true;
      },
    } as FakeBuffer;
    this.buffers.push(buffer);
    return buffer;
  }

  /** Bytes of buffers that were not destroyed. */
  get held(): number {
    return this.buffers.reduce((sum, { size, destroyed }) => sum + (destroyed ? 0 : size), 0);
  }
}
