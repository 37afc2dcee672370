import type { PooledBuffer } from './pool.ts';

/**
 * Buffers that stay with captures: commands that were captured name them, so nobody else may be lent them until every
 * such capture is released, also where their owner has given them back.
 */
export class HeldBuffers {
  /** Captures by the buffer that they hold. */
  readonly #holders = new Map<number, number>();
  /** Held, and given back by their owners. */
  readonly #resting = new Map<number, PooledBuffer>();
  /** While work is captured: what it has given back and may be lent again, by capacity. */
  #spare: Map<number, PooledBuffer[]> | undefined;
  /** While work is captured: buffers of other captures that it may use. */
  #shared: ReadonlySet<number> = new Set();

  /** Begins to keep what is given back for the work that is captured, to which `shared` buffers that rest are lent too. */
  begin(shared: ReadonlySet<number> = new Set()): void {
    this.#spare = new Map();
    this.#shared = shared;
    for (const id of shared) {
      const buffer = this.#resting.get(id);
      if (buffer && this.#resting.delete(id)) this.#spareNow(buffer);
    }
  }

  /** A buffer that the captured work has given back. */
  takeSpare(capacity: number): PooledBuffer | undefined {
    return this.#spare?.get(capacity)?.pop();
  }

  /** Whether a buffer that is given back stays here. */
  keeps(buffer: PooledBuffer): boolean {
    const lent = this.#spare !== undefined && this.#shared.has(buffer.id);
    if (this.#holders.has(buffer.id) && !lent) {
      this.#resting.set(buffer.id, buffer);
      return true;
    }
    if (!this.#spare) return false;
    this.#spareNow(buffer);
    return true;
  }

  /** Ends what `begin` began and holds the buffers that the captured commands name. Returns those that nothing holds. */
  end(named: ReadonlySet<number>): PooledBuffer[] {
    for (const id of named) this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
    const spare = [...(this.#spare?.values() ?? [])].flat();
    this.#spare = undefined;
    return spare.filter((buffer) => !this.keeps(buffer));
  }

  /** A capture lets go of what it held. Returns the buffers that had been given back and that nothing holds now. */
  letGo(named: ReadonlySet<number>): PooledBuffer[] {
    const free: PooledBuffer[] = [];
    for (const id of named) {
      const left = (this.#holders.get(id) ?? 1) - 1;
      if (left > 0) {
        this.#holders.set(id, left);
        continue;
      }
      this.#holders.delete(id);
      const buffer = this.#resting.get(id);
      if (buffer && this.#resting.delete(id)) free.push(buffer);
    }
    return free;
  }

  /** Forgets everything; returns every buffer that was given back and is here. */
  clear(): PooledBuffer[] {
    const all = [...this.#resting.values(), ...[...(this.#spare?.values() ?? [])].flat()];
    this.#resting.clear();
    this.#holders.clear();
    this.#spare = undefined;
    return all;
  }

  #spareNow(buffer: PooledBuffer): void {
    const list = this.#spare?.get(buffer.capacity);
    if (list) list.push(buffer);
    else this.#spare?.set(buffer.capacity, [buffer]);
  }
}
