/**
 * Params of kernels where the device has no immediates, or too few: one block of slots, bound with a dynamic offset.
 * It is written once, right before the submission that reads it; the queue orders that write after earlier
 * submissions, so the block is reused at once.
 */
export class UniformRing {
  readonly #gpu: GPUDevice;
  readonly #slot: number;
  readonly #block: GPUBuffer;
  readonly #bindGroup: GPUBindGroup;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #used = 0;

  /** @param slots dispatches of one submission  @param slotBytes a multiple of the device's uniform offset alignment */
  constructor(gpu: GPUDevice, slots: number, slotBytes: number, layout: GPUBindGroupLayout) {
    this.#gpu = gpu;
    this.#slot = slotBytes;
    this.#bytes = new Uint8Array(slots * slotBytes);
    this.#block = gpu.createBuffer({
      label: 'params',
      size: slots * slotBytes,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#bindGroup = gpu.createBindGroup({
      label: 'params',
      layout,
      entries: [{ binding: 0, resource: { buffer: this.#block, size: slotBytes } }],
    });
  }

  /** Takes the next slot for these params and binds it. */
  set(pass: GPUComputePassEncoder, params: Uint8Array<ArrayBuffer>): void {
    const offset = this.#used * this.#slot;
    this.#bytes.set(params, offset);
    pass.setBindGroup(1, this.#bindGroup, [offset]);
    this.#used += 1;
  }

  /** Writes the slots that were taken; for the moment before the submission that reads them. */
  upload(): void {
    if (this.#used > 0) this.#gpu.queue.writeBuffer(this.#block, 0, this.#bytes, 0, this.#used * this.#slot);
    this.#used = 0;
  }

  destroy(): void {
    this.#block.destroy();
  }
}
