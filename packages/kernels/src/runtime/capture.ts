import { KernelError, LifetimeError } from '../errors.ts';
import { type BufferRange, bufferOf, type GpuBuffer } from './buffer.ts';
import type { BufferPool } from './pool.ts';
import type { Recorder, Step } from './recorder.ts';

/** Notes what is recorded while work is captured. */
export class Capturing {
  readonly #pool: BufferPool;
  readonly #recorder: Recorder;
  #notes: CaptureNotes | undefined;

  constructor(pool: BufferPool, recorder: Recorder) {
    this.#pool = pool;
    this.#recorder = recorder;
  }

  get active(): boolean {
    return this.#notes !== undefined;
  }

  note(ranges: readonly BufferRange[], written: readonly GpuBuffer[]): void {
    this.#notes?.note(ranges, written);
  }

  /** @throws KernelError `kernel-capture` while work is captured */
  refuse(what: string): void {
    if (!this.#notes) return;
    throw new KernelError(
      'kernel-capture',
      `${what} while work is captured, which a replay could not repeat`,
      'Do it before device.capture, or after.',
    );
  }

  /** What `Device.capture` documents. @param check refuses operands that are broken  @param serial of what is recorded */
  run<T>(
    work: () => T,
    check: (operands: readonly GpuBuffer[]) => void,
    serial: () => number,
  ): { readonly result: T; readonly capture: Capture } {
    this.refuse('a capture');
    const notes = new CaptureNotes();
    this.#notes = notes;
    this.#pool.beginCapture();
    this.#recorder.captureIn(notes.steps);
    let held: ReadonlySet<number> = new Set();
    try {
      const result = work();
      if (result instanceof Promise) throw asynchronous();
      held = notes.named;
      const [results, operands] = [notes.results(), notes.operands()];
      const replay = () => {
        this.refuse('a replay');
        check(operands);
        this.#recorder.replay(notes.steps);
        for (const buffer of results) buffer.writtenBy = serial();
      };
      const release = () => this.#pool.letGo(notes.named);
      return { result, capture: new Capture(notes.steps.length, replay, release) };
    } finally {
      this.#notes = undefined;
      this.#recorder.captureIn(undefined);
      this.#pool.endCapture(held);
    }
  }
}

const asynchronous = () =>
  new KernelError(
    'kernel-capture',
    'device.capture got work that is asynchronous: only what it recorded until its first await would be captured',
    'Capture a synchronous function, such as the forward pass of a module.',
  );

/** What is noted of the work that is captured. */
class CaptureNotes {
  readonly steps: Step[] = [];
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
