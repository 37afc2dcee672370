import type { FileHandle } from 'node:fs/promises';
import { FileError } from '@lua-webgpu/kernels';
import { openRegularFile, readRange, unreadable } from './bytes.ts';
import type { FileTensor } from './dtype.ts';
import {
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type Span,
  safetensorsHeaderEnd,
} from './safetensors.ts';
import { MAX_HEADER_BYTES } from './sniff.ts';

/** Reads parts of the tensors of a safetensors file from the disk (Node only); only the header is held in memory. */
export class SafetensorsReader {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, Omit<FileTensor, 'bytes'>>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #file: FileHandle;
  readonly #spans: ReadonlyMap<string, Span>;
  readonly #dataStart: number;

  private constructor(path: string, file: FileHandle, { spans, metadata, dataStart }: SafetensorsHeader) {
    this.path = path;
    this.#file = file;
    this.#spans = new Map(spans.map((span) => [span.name, span]));
    this.#dataStart = dataStart;
    this.tensors = this.#spans;
    this.metadata = metadata;
  }

  /** @throws FileError `file-not-found`, `file-unreadable`, and as `parseSafetensors` */
  static async open(path: string): Promise<SafetensorsReader> {
    const file = await openRegularFile(path);
    try {
      const { size } = await file.stat();
      // Enough to say what the file is where it is another.
      const head = await readRange(file, path, 0, Math.min(size, 512));
      const end = safetensorsHeaderEnd(head);
      const isPart = end > head.byteLength && end <= Math.min(size, MAX_HEADER_BYTES + 8);
      const start = isPart ? await readRange(file, path, 0, end) : head;
      return new SafetensorsReader(path, file, parseSafetensorsHeader(start, size, path));
    } catch (error) {
      await file.close();
      throw error instanceof FileError ? error : unreadable(path, error);
    }
  }

  /**
   * Entries `first` to `first + count − 1` along the first axis of a tensor.
   *
   * @returns a tensor [count, …]
   * @throws RangeError for a name or entries that are not there; FileError `file-unreadable`, `safetensors-truncated` for
   * a file that became shorter after it was opened
   */
  async read(name: string, first: number, count: number): Promise<FileTensor> {
    const span = this.#spans.get(name);
    const [rows = 0, ...rest] = span?.shape ?? [];
    if (!span || first < 0 || count < 0 || first + count > rows) {
      throw new RangeError(`${this.path}: no ${count} entries from ${first} of ${name} [${span?.shape}]`);
    }
    const rowBytes = rows === 0 ? 0 : (span.end - span.begin) / rows;
    const bytes = await this.#bytes(this.#dataStart + span.begin + first * rowBytes, count * rowBytes);
    return { dtype: span.dtype, shape: [count, ...rest], bytes };
  }

  /** A whole tensor. Throws as `read`. */
  async readWhole(name: string): Promise<FileTensor> {
    const span = this.#spans.get(name);
    if (!span) throw new RangeError(`${this.path}: there is no tensor ${name}`);
    const bytes = await this.#bytes(this.#dataStart + span.begin, span.end - span.begin);
    return { dtype: span.dtype, shape: span.shape, bytes };
  }

  async #bytes(begin: number, length: number): Promise<Uint8Array> {
    let bytes: Uint8Array;
    try {
      bytes = await readRange(this.#file, this.path, begin, length);
    } catch (error) {
      throw error instanceof FileError ? error : unreadable(this.path, error);
    }
    if (bytes.byteLength === length) return bytes;
    throw new FileError(
      'safetensors-truncated',
      `${this.path} ends at byte ${begin + bytes.byteLength}, ${length - bytes.byteLength} bytes too early`,
      'Something cut the file short while it was open: make or copy it again.',
    );
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
