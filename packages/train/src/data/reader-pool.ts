import type { SafetensorsReader } from '@lua-webgpu/tensor';

interface Slot {
  readonly reader: Promise<SafetensorsReader>;
  /** Reads under way. */
  users: number;
}

/** Open files by number, the ones used longest ago closed where there are too many. */
export class ReaderPool {
  readonly #open: (number: number) => Promise<SafetensorsReader>;
  #limit: number;
  /** In the order of their last use. */
  readonly #slots = new Map<number, Slot>();
  readonly #uses = new Set<Promise<unknown>>();

  constructor(open: (number: number) => Promise<SafetensorsReader>, limit: number) {
    this.#open = open;
    this.#limit = limit;
  }

  use<T>(number: number, read: (reader: SafetensorsReader) => Promise<T>): Promise<T> {
    const use = this.#use(number, read);
    this.#uses.add(use);
    return use.finally(() => this.#uses.delete(use));
  }

  async #use<T>(number: number, read: (reader: SafetensorsReader) => Promise<T>): Promise<T> {
    const slot = this.#slots.get(number) ?? { reader: this.#open(number), users: 0 };
    this.#slots.delete(number);
    this.#slots.set(number, slot);
    slot.users++;
    try {
      return await read(await slot.reader);
    } catch (error) {
      // The next use tries again to open what could not be opened.
      await slot.reader.catch(() => this.#slots.delete(number));
      throw error;
    } finally {
      slot.users--;
      await this.#closeIdle(this.#limit);
    }
  }

  /** Waits for the reads that are under way and closes all files; a later use opens, and closes, its own. */
  async close(): Promise<void> {
    this.#limit = 0;
    await Promise.allSettled(this.#uses);
    await this.#closeIdle(0);
  }

  async #closeIdle(limit: number): Promise<void> {
    for (const [number, { reader, users }] of this.#slots) {
      if (this.#slots.size <= limit) return;
      if (users > 0) continue;
      this.#slots.delete(number);
      await (await reader).close();
    }
  }
}
