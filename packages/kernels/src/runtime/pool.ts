import type { Limits } from '../capabilities.ts';
import { AllocationError } from '../errors.ts';
import { inErrorScopes, outOfMemory } from './error-scopes.ts';
import { HeldBuffers } from './held.ts';

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
 * one has to wait until the commands that name it are submitted, which is why `trim` is called after submissions.
 */
export class BufferPool {
  readonly #gpu: GPUDevice;
  readonly #watch: (outcome: Promise<Error | undefined>) => void;
  readonly #limit: number;
  readonly #maxPooled: number;
  readonly #budget: number;
  /**
   * By capacity, the lowest number last, which is lent first: work that is repeated then gets the same buffers each time,
   * whatever the order in which they came back, and finds its bind groups.
   */
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #lent = new Map<number, PooledBuffer>();
  readonly #held = new HeldBuffers();
  /** Why the device could not allocate a buffer that was lent meanwhile. */
  readonly #broken = new Map<number, Error>();
  #inUse = 0;
  #pooled = 0;
  #peak = 0;
  #created = 0;
  #nextId = 1;
  #makeRoom = false;

  constructor(
    gpu: GPUDevice,
    watch: (outcome: Promise<Error | undefined>) => void,
    options: { limits: Limits; maxPooledBytes: number; budgetBytes: number },
  ) {
    this.#gpu = gpu;
    this.#watch = watch;
    this.#limit = options.limits.maxBufferSize - (options.limits.maxBufferSize % 4);
    this.#maxPooled = options.maxPooledBytes;
    this.#budget = options.budgetBytes;
  }

  /** @throws AllocationError `buffer-too-large` past the device's limit, `out-of-memory` past the budget. */
  take(bytes: number, label: string): PooledBuffer {
    const capacity = this.#capacity(bytes, label);
    const spare = this.#held.takeSpare(capacity);
    if (!spare) return this.#takeFree(capacity, bytes, label);
    this.#lent.set(spare.id, spare);
    return spare;
  }

  /** As `take`, of memory that nothing captured writes: for what outlives the work that is being captured. */
  takeForever(bytes: number, label: string): PooledBuffer {
    return this.#takeFree(this.#capacity(bytes, label), bytes, label);
  }

  #capacity(bytes: number, label: string): number {
    if (!(bytes <= this.#limit)) {
      throw new AllocationError(
        'buffer-too-large',
        `${label} needs a buffer of ${bytes} bytes; the device allows ${this.#limit}`,
        'Work on smaller pieces: pass a smaller `tile` or batch.',
      );
    }
    return Math.min(sizeClass(bytes), this.#limit);
  }

  #takeFree(capacity: number, bytes: number, label: string): PooledBuffer {
    if (this.#inUse + capacity > this.#budget) throw this.#overBudget(bytes, label);
    const reused = this.#free.get(capacity)?.pop();
    if (reused) this.#pooled -= capacity;
    const buffer = reused ?? this.#new(capacity);
    this.#lent.set(buffer.id, buffer);
    this.#inUse += capacity;
    this.#peak = Math.max(this.#peak, this.#inUse);
    return buffer;
  }

  /** Takes back what `take` gave, once. */
  give(id: number): void {
    const buffer = this.#lent.get(id);
    if (!buffer) return;
    this.#lent.delete(id);
    if (this.#broken.delete(id)) {
      this.#inUse -= buffer.capacity;
      buffer.gpu.destroy();
      return;
    }
    if (!this.#held.keeps(buffer)) this.#putBack(buffer);
  }

  /**
   * From here on what is given back goes to those who take next, and to nobody else: work is being captured. Buffers with
   * these numbers, of other captures, are lent to it as well.
   */
  beginCapture(shared: ReadonlySet<number>): void {
    this.#held.begin(shared);
  }

  /** Holds the buffers that the captured work names, in use until `letGo`, whoever gives them back. */
  endCapture(named: ReadonlySet<number>): void {
    for (const buffer of this.#held.end(named)) this.#putBack(buffer);
  }

  letGo(named: ReadonlySet<number>): void {
    for (const buffer of this.#held.letGo(named)) this.#putBack(buffer);
  }

  /** A number for a buffer that the caller brought, distinct from those of the pool. */
  foreignId(): number {
    return this.#nextId++;
  }

  /** Whether there is a lent buffer without memory behind it. */
  get failed(): boolean {
    return this.#broken.size > 0;
  }

  /** Why a lent buffer has no memory behind it, or undefined when it has. */
  failureOf(id: number): Error | undefined {
    return this.failed ? this.#broken.get(id) : undefined;
  }

  /**
   * Destroys free buffers until the cap and the budget hold, and all of them after an allocation that failed. Only
   * right after a submission.
   */
  trim(): void {
    const cap = this.#makeRoom ? 0 : Math.min(this.#maxPooled, Math.max(0, this.#budget - this.#inUse));
    this.#makeRoom = false;
    if (this.#pooled <= cap) return;
    for (const [capacity, list] of [...this.#free].sort((a, b) => b[0] - a[0])) {
      while (this.#pooled > cap && list.length > 0) {
        this.#pooled -= capacity;
        list.pop()?.gpu.destroy();
      }
      if (list.length === 0) this.#free.delete(capacity);
    }
  }

  /** Destroys every buffer, those that are lent as well. */
  destroy(): void {
    const all = [...this.#lent.values(), ...this.#held.clear(), ...[...this.#free.values()].flat()];
    for (const { gpu } of all) gpu.destroy();
    this.#lent.clear();
    this.#free.clear();
    this.#broken.clear();
    this.#inUse = 0;
    this.#pooled = 0;
  }

  /** `tables` are the bytes lent to the table cache. */
  report(tables: number): MemoryReport {
    return {
      inUse: this.#inUse - tables,
      tables,
      pooled: this.#pooled,
      peak: this.#peak,
      created: this.#created,
    };
  }

  resetPeak(): void {
    this.#peak = this.#inUse;
  }

  #putBack(buffer: PooledBuffer): void {
    this.#inUse -= buffer.capacity;
    this.#pooled += buffer.capacity;
    const list = this.#free.get(buffer.capacity);
    if (list) list.splice(placeOf(buffer, list), 0, buffer);
    else this.#free.set(buffer.capacity, [buffer]);
  }

  #new(capacity: number): PooledBuffer {
    const id = this.#nextId++;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const { value: gpu, error } = inErrorScopes(this.#gpu, ['out-of-memory', 'validation'], () =>
      this.#gpu.createBuffer({ size: capacity, usage }),
    );
    this.#created += 1;
    this.#watch(
      error.then((found) => {
        if (!found) return undefined;
        const failure = outOfMemory(capacity, found.message);
        this.#break(id, failure);
        return failure;
      }),
    );
    return { gpu, capacity, id };
  }

  /** The device had no room for this buffer: it is not lent again, and what lies unused makes room. */
  #break(id: number, error: Error): void {
    if (this.#lent.has(id)) this.#broken.set(id, error);
    for (const [capacity, list] of this.#free) {
      const kept = list.filter((buffer) => buffer.id !== id);
      this.#pooled -= capacity * (list.length - kept.length);
      this.#free.set(capacity, kept);
    }
    this.#makeRoom = true;
  }

  #overBudget(bytes: number, label: string): AllocationError {
    return new AllocationError(
      'out-of-memory',
      `${label} needs ${bytes} bytes; ${this.#inUse} of the budget of ${this.#budget} bytes are in use`,
      'Raise `budgetBytes`, or work on smaller pieces: pass a smaller `tile` or batch.',
    );
  }
}

/** Where a buffer belongs in a list with falling numbers. */
function placeOf({ id }: PooledBuffer, list: readonly PooledBuffer[]): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as PooledBuffer).id > id) low = middle + 1;
    else high = middle;
  }
  return low;
}
