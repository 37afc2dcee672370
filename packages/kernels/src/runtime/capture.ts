import { KernelError, LifetimeError } from '../errors.ts';
import { type BufferRange, bufferOf, type GpuBuffer } from './buffer.ts';
import type { ReplayParam } from './dispatcher.ts';
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

  note(
    ranges: readonly BufferRange[],
    written: readonly GpuBuffer[],
    replayParams: readonly ReplayParam[] = [],
  ): void {
    this.#notes?.note(ranges, written, replayParams);
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
    { shares = [] }: CaptureOptions,
    check: (operands: readonly GpuBuffer[]) => void,
    serial: () => number,
  ): { readonly result: T; readonly capture: Capture } {
    this.refuse('a capture');
    const notes = new CaptureNotes();
    this.#notes = notes;
    this.#pool.beginCapture(new Set(shares.flatMap((capture) => capture.buffers)));
    this.#recorder.captureIn(notes.steps);
    let held: ReadonlySet<number> = new Set();
    try {
      const result = work();
      if (result instanceof Promise) throw asynchronous();
      held = notes.named;
      const [results, operands] = [notes.results(), notes.operands()];
      const replay = (params: ReplayParams) => {
        this.refuse('a replay');
        check(operands);
        for (const param of notes.replayParams) setParam(param, params);
        this.#recorder.replay(notes.steps);
        for (const buffer of results) buffer.writtenBy = serial();
      };
      const release = () => this.#pool.letGo(notes.named);
      return { result, capture: new Capture(notes.steps.length, [...notes.named], replay, release) };
    } finally {
      this.#notes = undefined;
      this.#recorder.captureIn(undefined);
      this.#pool.endCapture(held);
    }
  }
}

/** Values by the names of `KernelSpec.replayParams`. */
export type ReplayParams = Readonly<Record<string, number>>;

export interface CaptureOptions {
  /**
   * Captures whose memory the work may use: a replay of one then overwrites what another left, its results too, and the
   * memory stays until all of them are released.
   */
  readonly shares?: readonly Capture[];
}

/** The recorder reads a command's bytes when the command is recorded, so they may change between two replays. */
function setParam({ name, bytes, offset }: ReplayParam, params: ReplayParams): void {
  const value = params[name];
  if (value !== undefined) new DataView(bytes.buffer).setUint32(offset, value, true);
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
  readonly replayParams: ReplayParam[] = [];
  readonly #written = new Set<GpuBuffer>();
  readonly #read = new Set<GpuBuffer>();

  note(
    ranges: readonly BufferRange[],
    written: readonly GpuBuffer[],
    replayParams: readonly ReplayParam[],
  ): void {
    this.replayParams.push(...replayParams);
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
  /** Numbers of the pool's buffers that stay with it. */
  readonly buffers: readonly number[];
  readonly #replay: (params: ReplayParams) => void;
  readonly #release: () => void;
  #released = false;

  constructor(
    commands: number,
    buffers: readonly number[],
    replay: (params: ReplayParams) => void,
    release: () => void,
  ) {
    this.commands = commands;
    this.buffers = buffers;
    this.#replay = replay;
    this.#release = release;
  }

  /**
   * Records the captured commands.
   * @param params set anew in every captured command that has them, for this replay and those behind it: `step`, by which
   *   dropout and stochastic depth draw. Without it they drop what they dropped before.
   * @throws LifetimeError `capture-released`; KernelError `kernel-capture` while work is captured; DeviceLostError, and
   *   what is known to be wrong with an operand
   */
  replay(params: ReplayParams = {}): void {
    if (this.#released) {
      throw new LifetimeError(
        'capture-released',
        'replay of a capture that was released',
        'Keep it until its last use.',
      );
    }
    this.#replay(params);
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
