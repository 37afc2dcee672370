import type { GpuBuffer } from './buffer.ts';

/** Tables kept whatever their size, so that one op can ask for several before it uses the first. */
const alwaysKept = 32;
const maxBytes = 16 * 2 ** 20;

/**
 * Constant tables on the device, such as FFT twiddles and resize weights, made on first use and kept: the least
 * recently used go when there are many and they take more than 16 MiB.
 */
export class TableCache {
  readonly #upload: (data: ArrayBufferView, label: string) => GpuBuffer;
  readonly #isBroken: (table: GpuBuffer) => boolean;
  readonly #mayDrop: () => boolean;
  readonly #tables = new Map<string, GpuBuffer>();
  #bytes = 0;

  /**
   * @param isBroken whether the device turned out to have no memory for the table
   * @param mayDrop whether the memory of a table may serve something else
   */
  constructor(
    upload: (data: ArrayBufferView, label: string) => GpuBuffer,
    isBroken: (table: GpuBuffer) => boolean,
    mayDrop: () => boolean = () => true,
  ) {
    this.#upload = upload;
    this.#isBroken = isBroken;
    this.#mayDrop = mayDrop;
  }

  /** Bytes of device memory that the tables take. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The table of this key, which has to say everything that its content depends on. The buffer belongs to the cache;
   * it is valid for dispatches recorded before the next 32 calls of `get`.
   */
  get(key: string, make: () => ArrayBufferView): GpuBuffer {
    const found = this.#tables.get(key);
    if (found && this.#isBroken(found)) this.#drop(key, found);
    const known = this.#tables.get(key);
    const table = known ?? this.#upload(make(), `table ${key}`);
    if (known) this.#tables.delete(key);
    else this.#bytes += table.capacity;
    this.#tables.set(key, table);
    if (!this.#mayDrop()) return table;
    for (const [oldest, buffer] of this.#tables) {
      if (this.#bytes <= maxBytes || this.#tables.size <= alwaysKept) break;
      this.#drop(oldest, buffer);
    }
    return table;
  }

  /** Gives all of the tables back; a later `get` makes them again. */
  clear(): void {
    for (const [key, table] of this.#tables) this.#drop(key, table);
  }

  #drop(key: string, table: GpuBuffer): void {
    this.#tables.delete(key);
    this.#bytes -= table.capacity;
    table.release();
  }
}
