const slotsPerBlock = 256;

interface Block {
  readonly gpu: GPUBuffer;
  readonly bindGroup: GPUBindGroup;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Params of kernels on devices without immediates: a ring of uniform blocks bound with a dynamic offset. A block is written once, right before the
 * submission that reads it; the queue orders that write after earlier submissions, so blocks are reused at once.
 */
export class UniformRing {
  readonly #gpu: GPUDevice;
  readonly #slot: number;
  readonly #layout: GPUBindGroupLayout;
  readonly #blocks: Block[] = [];
  #used = 0;

  constructor(gpu: GPUDevice, slotBytes: number, layout: GPUBindGroupLayout) {
    this.#gpu = gpu;
    this.#slot = slotBytes;
    this.#layout = layout;
  }

  set(pass: GPUComputePassEncoder, params: Uint8Array<ArrayBuffer>): void {
    const block = this.#block(Math.floor(this.#used / slotsPerBlock));
    const offset = (this.#used % slotsPerBlock) * this.#slot;
    block.bytes.set(params, offset);
    pass.setBindGroup(1, block.bindGroup, [offset]);
    this.#used += 1;
  }

  upload(): void {
    for (let first = 0; first < this.#used; first += slotsPerBlock) {
      const block = this.#block(first / slotsPerBlock);
      const bytes = Math.min(this.#used - first, slotsPerBlock) * this.#slot;
      this.#gpu.queue.writeBuffer(block.gpu, 0, block.bytes, 0, bytes);
    }
    this.#used = 0;
  }

  #block(index: number): Block {
    const existing = this.#blocks[index];
    if (existing) return existing;
    const size = slotsPerBlock * this.#slot;
    const gpu = this.#gpu.createBuffer({
      label: 'params',
      size,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    const bindGroup = this.#gpu.createBindGroup({
      layout: this.#layout,
      entries: [{ binding: 0, resource: { buffer: gpu, size: this.#slot } }],
    });
    const block = { gpu, bindGroup, bytes: new Uint8Array(size) };
    this.#blocks[index] = block;
    return block;
  }
}
