import type { Recorder } from './recorder.ts';

const chunk = 1 << 20;

/** Fills buffers with 0xFF bytes, which are NaN as f32 and f16, in the order of the recorded commands. */
export class Poison {
  readonly #recorder: Recorder;
  readonly #source: GPUBuffer;

  constructor(gpu: GPUDevice, recorder: Recorder) {
    this.#recorder = recorder;
    this.#source = gpu.createBuffer({
      label: 'poison',
      size: chunk,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    gpu.queue.writeBuffer(this.#source, 0, new Uint8Array(chunk).fill(0xff));
  }

  fill(buffer: GPUBuffer, bytes: number): void {
    for (let offset = 0; offset < bytes; offset += chunk) {
      this.#recorder.copy(this.#source, 0, buffer, offset, Math.min(chunk, bytes - offset));
    }
  }

  destroy(): void {
    this.#source.destroy();
  }
}
