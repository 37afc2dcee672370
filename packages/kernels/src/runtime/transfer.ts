import { inErrorScopes, outOfMemory, refused } from './error-scopes.ts';
import { sizeClass } from './pool.ts';
import type { Recorder } from './recorder.ts';

/** A buffer that JavaScript can map, between two reads. */
interface Staging {
  readonly gpu: GPUBuffer;
  readonly size: number;
}

/** Staging buffers kept: a fresh one of 64 MB costs five times as much as the copy. */
const maxKeptBytes = 128 * 2 ** 20;

/** Moves bytes between JavaScript and device buffers, in the order of the recorded commands. */
export class Transfer {
  readonly #gpu: GPUDevice;
  readonly #recorder: Recorder;
  readonly #watch: (outcome: Promise<Error | undefined>) => void;
  /** The least recently used first. */
  #kept: Staging[] = [];
  #keptBytes = 0;
  #closed = false;

  constructor(gpu: GPUDevice, recorder: Recorder, watch: (outcome: Promise<Error | undefined>) => void) {
    this.#gpu = gpu;
    this.#recorder = recorder;
    this.#watch = watch;
  }

  /**
   * Writes `data` at `offset`; both the offset and the length are multiples of 4. What is recorded is submitted
   * first, which writeBuffer would overtake: cheaper than a staging buffer of our own, at any size.
   */
  upload(target: GPUBuffer, offset: number, data: Uint8Array): void {
    if (data.byteLength === 0) return;
    this.#recorder.flush();
    // dawn.node refuses views of a SharedArrayBuffer.
    const bytes =
      data.buffer instanceof ArrayBuffer ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data);
    const { error } = inErrorScopes(this.#gpu, ['out-of-memory', 'validation'], () =>
      this.#gpu.queue.writeBuffer(target, offset, bytes),
    );
    this.#watch(
      error.then((found) => found && refused(`an upload of ${data.byteLength} bytes`, found.message)),
    );
  }

  /** Records a copy to a mappable buffer and maps it; both the offset and the length are multiples of 4. */
  async read(source: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const staging = this.#take(bytes);
    try {
      this.#recorder.copy(source, offset, staging.gpu, 0, bytes);
      this.#recorder.flush();
      // The map rejects with what went wrong; the scope is there so that it is not reported a second time.
      const { value: mapped } = inErrorScopes(this.#gpu, ['validation'], () =>
        staging.gpu.mapAsync(GPUMapMode.READ, 0, bytes),
      );
      await mapped;
      const copy = staging.gpu.getMappedRange(0, bytes).slice(0);
      staging.gpu.unmap();
      this.#keep(staging);
      return copy;
    } catch (error) {
      staging.gpu.destroy();
      throw error;
    }
  }

  /** Frees the staging buffers; those of pending reads are freed when they are done. */
  destroy(): void {
    this.#closed = true;
    for (const { gpu } of this.#kept) gpu.destroy();
    this.#kept = [];
    this.#keptBytes = 0;
  }

  #take(bytes: number): Staging {
    const size = Math.max(bytes, Math.min(sizeClass(bytes), this.#gpu.limits.maxBufferSize));
    const index = this.#kept.findIndex((staging) => staging.size === size);
    const [found] = index < 0 ? [] : this.#kept.splice(index, 1);
    if (found) {
      this.#keptBytes -= size;
      return found;
    }
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const { value: gpu, error } = inErrorScopes(this.#gpu, ['out-of-memory', 'validation'], () =>
      this.#gpu.createBuffer({ label: 'read-back', size, usage }),
    );
    this.#watch(error.then((found) => found && outOfMemory(size, found.message)));
    return { gpu, size };
  }

  #keep(staging: Staging): void {
    if (this.#closed || staging.size > maxKeptBytes) {
      staging.gpu.destroy();
      return;
    }
    this.#kept.push(staging);
    this.#keptBytes += staging.size;
    while (this.#keptBytes > maxKeptBytes) {
      const oldest = this.#kept.shift();
      if (!oldest) break;
      this.#keptBytes -= oldest.size;
      oldest.gpu.destroy();
    }
  }
}
