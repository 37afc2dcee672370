import { LifetimeError } from '../errors.ts';
import { type BufferRange, bufferOf, type GpuBuffer } from './buffer.ts';

/** What is noted of the work that is captured. */
export class CaptureNotes {
  /** Each records one command again. */
  readonly commands: (() => void)[] = [];
  /** Numbers of the pool's buffers that the commands name. */
  readonly named = new Set<number>();
  readonly #written = new Set<GpuBuffer>();
  readonly #read = new Set<GpuBuffer>();

  note(ranges: readonly BufferRange[], written: readonly GpuBuffer[]): void {
    for (const buffer of ranges.map(bufferOf)) {
      if (buffer.owned) this.named.add(buffer.id);
      this.#read.add(buffer);
    }
    for (const buffer of written) this.#written.add(buffer);
  }

  /** What the commands wrote and somebody still has. */
  results(): GpuBuffer[] {
    return [...this.#written].filter(({ released }) => !released);
  }

  /** What the commands read, did not write, and somebody still has. */
  operands(): GpuBuffer[] {
    return [...this.#read].filter((buffer) => !buffer.released && !this.#written.has(buffer));
  }
}

/**
 * Work that was recorded once and can be recorded again, with the same buffers: no op, no allocation, no lookup runs. Its
 * memory stays with it until `release`, what it computed as well: a replay overwrites its results. Made by
 * `Device.capture`.
 */
export class Capture {
  /** Commands of one replay: dispatches, copies and clears. */
  readonly commands: number;
  readonly #replay: () => void;
  readonly #release: () => void;
  #released = false;

  constructor(commands: number, replay: () => void, release: () => void) {
    this.commands = commands;
    this.#replay = replay;
    this.#release = release;
  }

  /**
   * Records the captured commands.
   * @throws LifetimeError `capture-released`; KernelError `kernel-capture` while work is captured; DeviceLostError, and
   *   what is known to be wrong with an operand
   */
  replay(): void {
    if (this.#released) {
      throw new LifetimeError(
        'capture-released',
        'replay of a capture that was released',
        'Keep it until its last use.',
      );
    }
    this.#replay();
  }

  /** Gives the memory back that only the capture holds. Calling it again does nothing. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
