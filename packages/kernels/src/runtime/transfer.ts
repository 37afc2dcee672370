import type { Recorder } from './recorder.ts';
import { sizeClass } from './pool.ts';

/** Moves bytes between JavaScript and device buffers, in the order of the recorded commands. */
export class Transfer {
  readonly #gpu: GPUDevice;
  readonly #recorder: Recorder;
  readonly #readback = new Map<number, GPUBuffer[]>();
  #uploads: GPUBuffer[] = [];

  constructor(gpu: GPUDevice, recorder: Recorder) {
    this.#gpu = gpu;
    this.#recorder = recorder;
  }

  /** Writes `data` at `offset`; both the offset and the length are multiples of 4. */
  upload(target: GPUBuffer, offset: number, data: Uint8Array): void {
    if (data.byteLength === 0) return;
    if (this.#recorder.empty) {
      // dawn.node refuses views of a SharedArrayBuffer.
      const bytes = data.buffer instanceof ArrayBuffer ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data);
      this.#gpu.queue.writeBuffer(target, offset, bytes);
      return;
    }
    // writeBuffer would overtake the dispatches that are recorded but not submitted.
    const staging = this.#gpu.createBuffer({
      label: 'upload',
      size: data.byteLength,
      usage: GPUBufferUsage.COPY_SRC,
      mappedAtCreation: true,
    });
    new Uint8Array(staging.getMappedRange()).set(data);
    staging.unmap();
    this.#recorder.copy(staging, 0, target, offset, data.byteLength);
    this.#uploads.push(staging);
  }

  /** Frees the staging buffers of uploads that have been submitted. */
  afterSubmit(): void {
    for (const staging of this.#uploads) staging.destroy();
    this.#uploads = [];
  }

  /** Records a copy to a mappable buffer and maps it. The recorder is flushed. */
  async read(source: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const size = sizeClass(bytes);
    const staging =
      this.#readback.get(size)?.pop() ??
      this.#gpu.createBuffer({ label: 'read-back', size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    this.#recorder.copy(source, offset, staging, 0, bytes);
    this.#recorder.flush();
    await staging.mapAsync(GPUMapMode.READ, 0, bytes);
    const copy = staging.getMappedRange(0, bytes).slice(0);
    staging.unmap();
    const list = this.#readback.get(size);
    if (list) list.push(staging);
    else this.#readback.set(size, [staging]);
    return copy;
  }

  destroy(): void {
    this.afterSubmit();
    for (const list of this.#readback.values()) for (const buffer of list) buffer.destroy();
    this.#readback.clear();
  }
}
