import { type FileHandle, open } from 'node:fs/promises';
import type { FileError } from '@lua-webgpu/kernels';
import { unwritable } from '@lua-webgpu/tensor';

/** What waits for space on a full disk; beyond it the oldest records are given up. */
const MAX_PENDING_BYTES = 2 ** 24;

export interface AppendResult {
  /** Why the record, and all before it that wait, are not in the file yet. */
  readonly error: FileError | undefined;
  /** Records in memory that the next call will try to write first. */
  readonly pending: number;
  /** Records given up since the file was opened. */
  readonly lost: number;
}

/**
 * A file that grows by whole records. A record that cannot be written (a full disk) leaves no part of itself, waits in
 * memory and goes into the file, in its place, with the next one that can: `append` does not throw.
 */
export class AppendFile {
  readonly path: string;
  readonly #file: FileHandle;
  #size: number;
  /** Whether the first part of a record stands behind `#size`. */
  #torn = false;
  #pending: Uint8Array[] = [];
  #lost = 0;
  /** One write at a time, in the order of the calls. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path;
    this.#file = file;
    this.#size = size;
  }

  /**
   * @param flags `ax` refuses a file that is there
   * @throws FileError `file-unwritable`, `file-disk-full`
   */
  static async open(path: string, flags: 'a' | 'ax' = 'a'): Promise<AppendFile> {
    try {
      const file = await open(path, flags);
      return new AppendFile(path, file, (await file.stat()).size);
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  append(record: Uint8Array): Promise<AppendResult> {
    return this.#inTurn(async () => {
      this.#pending.push(record);
      return this.#flush();
    });
  }

  /** Tries what waits once more, and waits until all is on the disk itself. */
  sync(): Promise<AppendResult> {
    return this.#inTurn(async () => {
      const result = await this.#flush();
      if (result.error) return result;
      try {
        await this.#file.sync();
        return result;
      } catch (error) {
        return { ...result, error: unwritable(this.path, error) };
      }
    });
  }

  /** As `sync`, and closes the file. */
  async close(): Promise<AppendResult> {
    const result = await this.sync();
    await this.#inTurn(() => this.#file.close());
    return { ...result, pending: 0, lost: this.#lost + this.#pending.length };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #flush(): Promise<AppendResult> {
    let error: FileError | undefined;
    try {
      await this.#trim();
      for (; this.#pending[0]; this.#pending.shift()) await this.#write(this.#pending[0]);
    } catch (cause) {
      error = unwritable(this.path, cause);
      // Now, so that readers see whole records; where it fails, again before the next write.
      await this.#trim().catch(() => undefined);
    }
    this.#forget();
    return { error, pending: this.#pending.length, lost: this.#lost };
  }

  async #write(record: Uint8Array): Promise<void> {
    this.#torn = true;
    await this.#file.writeFile(record);
    this.#size += record.byteLength;
    this.#torn = false;
  }

  /** A disk that fills up takes the first part of a record. Truncating needs no space. */
  async #trim(): Promise<void> {
    if (this.#torn) await this.#file.truncate(this.#size);
    this.#torn = false;
  }

  #forget(): void {
    let bytes = this.#pending.reduce((sum, { byteLength }) => sum + byteLength, 0);
    while (bytes > MAX_PENDING_BYTES) {
      bytes -= this.#pending.shift()?.byteLength ?? 0;
      this.#lost += 1;
    }
  }
}
