import type { Limits } from '../capabilities.ts';
import { AllocationError } from '../errors.ts';

/**
 * Bytes of device memory. `inUse` leaves out the constant `tables` that the device keeps, `peak` has them.
 * `created` counts buffer creations since the device was opened.
 */
export interface MemoryReport {
  readonly inUse: number;
  readonly tables: number;
  readonly pooled: number;
  readonly peak: number;
  readonly created: number;
}

export interface PooledBuffer {
  readonly gpu: GPUBuffer;
  readonly capacity: number;
  readonly id: number;
}

const smallestClass = 256;

/** Rounds a size up to its class: powers of two, with eight steps between them from 64 KiB on (at most 12.5 % waste). */
export function sizeClass(bytes: number): number {
  if (bytes <= smallestClass) return smallestClass;
  const power = 2 ** Math.ceil(Math.log2(bytes));
  if (power <= 65_536) return power;
  const step = power / 16;
  return Math.ceil(bytes / step) * step;
}

/**
 * Lends GPUBuffers and takes them back. There is one queue, so a buffer taken back may be lent at once; destroying
 * one has to wait until the commands that name it are submitted, which is why `trim` is the recorder's to call.
 */
export class BufferPool {
  readonly #create: (bytes: number) => GPUBuffer;
  readonly #onDestroy: (id: number) => void;
  readonly #limits: Limits;
  readonly #maxPooled: number;
  readonly #budget: number;
  readonly #free = new Map<number, PooledBuffer[]>();
  #inUse = 0;
  #pooled = 0;
  #peak = 0;
  #created = 0;
  #nextId = 1;

  constructor(options: {
    create: (bytes: number) => GPUBuffer;
    onDestroy: (id: number) => void;
    limits: Limits;
    maxPooledBytes: number;
    budgetBytes: number;
  }) {
    this.#create = options.create;
    this.#onDestroy = options.onDestroy;
    this.#limits = options.limits;
    this.#maxPooled = options.maxPooledBytes;
    this.#budget = options.budgetBytes;
  }

  /** @throws AllocationError `buffer-too-large` past the device's limit, `out-of-memory` past the budget. */
  take(bytes: number, label: string): PooledBuffer {
    const limit = this.#limits.maxBufferSize;
    if (bytes > limit) {
      throw new AllocationError(
        'buffer-too-large',
        `${label} needs a buffer of ${bytes} bytes; the device allows ${limit}`,
        'Work on smaller pieces: pass a smaller `tile` or batch.',
      );
    }
    const capacity = Math.min(sizeClass(bytes), limit - (limit % 4));
    const reused = this.#free.get(capacity)?.pop();
    if (reused) this.#pooled -= capacity;
    else if (this.#inUse + capacity > this.#budget) throw this.#outOfMemory(bytes, label);
    const buffer = reused ?? this.#new(capacity);
    this.#inUse += capacity;
    this.#peak = Math.max(this.#peak, this.#inUse);
    return buffer;
  }

  give(buffer: PooledBuffer): void {
    this.#inUse -= buffer.capacity;
    this.#pooled += buffer.capacity;
    const list = this.#free.get(buffer.capacity);
    if (list) list.push(buffer);
    else this.#free.set(buffer.capacity, [buffer]);
  }

  /** A number for a buffer that the caller brought, distinct from those of the pool. */
  foreignId(): number {
    return this.#nextId++;
  }

  /** Destroys free buffers until the cap holds. Only between submissions. */
  trim(cap = this.#maxPooled): void {
    for (const [capacity, list] of [...this.#free].sort((a, b) => b[0] - a[0])) {
      while (this.#pooled > cap && list.length > 0) {
        const buffer = list.pop() as PooledBuffer;
        this.#pooled -= capacity;
        this.#onDestroy(buffer.id);
        buffer.gpu.destroy();
      }
      if (list.length === 0) this.#free.delete(capacity);
    }
  }

  /** `tables` are the bytes lent to the table cache. */
  report(tables: number): MemoryReport {
    return { inUse: this.#inUse - tables, tables, pooled: this.#pooled, peak: this.#peak, created: this.#created };
  }

  resetPeak(): void {
    this.#peak = this.#inUse;
  }

  #new(capacity: number): PooledBuffer {
    this.#created += 1;
    return { gpu: this.#create(capacity), capacity, id: this.#nextId++ };
  }

  #outOfMemory(bytes: number, label: string): AllocationError {
    return new AllocationError(
      'out-of-memory',
      `${label} needs ${bytes} bytes; ${this.#inUse} of the budget of ${this.#budget} bytes are in use`,
      'Raise `budgetBytes`, or work on smaller pieces: pass a smaller `tile` or batch.',
    );
  }
}
