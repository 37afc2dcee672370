import { mkdir, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { unwritable, writeFileAtomic } from '@lua-webgpu/tensor';
import {
  applyRetention,
  type CheckpointContent,
  type CheckpointInfo,
  type CheckpointSearch,
  findCheckpoints,
  recordBest,
  writeCheckpoint,
} from '../checkpoint/index.ts';
import { AppendFile, type AppendResult, acquireLock, cleanLeftovers, type Lock } from '../disk/index.ts';
import { EventFile } from './events/index.ts';
import { LOCK, readPrevious, requireKind, runFiles } from './layout.ts';
import type { MetricLine } from './lines.ts';
import { cutMetrics, encodeLine } from './metrics-file.ts';
import { writeReport } from './report/index.ts';
import { scalarsOf } from './scalars.ts';
import type { Outcome, RunBeginning, RunFolderOptions, SamplePicture, SaveOptions } from './types.ts';

interface Streams {
  readonly metrics: AppendFile;
  readonly events: EventFile;
}

type StreamName = keyof Streams;

/** Codes of errors that come from the disk and not from what was to be written. */
const survivable: ReadonlySet<string> = new Set([
  'file-disk-full',
  'file-unwritable',
  'file-unreadable',
  'checkpoint-best',
]);

/**
 * The folder of one training run, held by one process: configuration, metrics, TensorBoard events, validation pictures,
 * checkpoints. What training does not depend on (metrics, pictures) never ends it: a failure to write is a result and an
 * alarm.
 *
 * @example
 * const run = await RunFolder.open('runs/light', { resume: true, onAlarm: (error) => console.error(error.message) });
 * await run.start({ config: yamlText, step: run.found.newest?.state.step });
 * await run.append({ type: 'step', step: 1, stage: 'I', … });
 * await run.close();
 */
export class RunFolder {
  readonly path: string;
  /** What was in checkpoints/ when the folder was opened. */
  readonly found: CheckpointSearch;
  /** The text of config.yaml where there is a run already. */
  readonly previousConfig: string | undefined;
  readonly #options: RunFolderOptions;
  readonly #lock: Lock;
  #streams: Streams | undefined;
  /** Which of the streams cannot be written at present: said once, and once more when it can again. */
  readonly #failing = new Set<StreamName>();
  #last = { step: 0, stage: '' };

  private constructor(
    path: string,
    lock: Lock,
    options: RunFolderOptions,
    previous: { readonly found: CheckpointSearch; readonly config: string | undefined },
  ) {
    this.path = path;
    this.found = previous.found;
    this.previousConfig = previous.config;
    this.#lock = lock;
    this.#options = options;
  }

  /**
   * Reserves a folder for this process, clears away what dead ones left half done and looks for checkpoints. Nothing of
   * an earlier run is changed yet.
   *
   * @throws FileError `run-exists`, `run-missing`, `run-folder-not-empty`, `run-locked`, `file-unwritable`,
   * `file-disk-full`, `file-unreadable`
   */
  static async open(path: string, options: RunFolderOptions = {}): Promise<RunFolder> {
    const { resume = false, onNotice = () => undefined } = options;
    const made = await requireKind(path, resume);
    const lock = await acquireLock(path, LOCK).catch(async (error: unknown) => {
      if (made) await rmdir(path).catch(() => undefined);
      throw error;
    });
    try {
      // Again: whoever held the lock until now may have begun a run.
      await requireKind(path, resume);
      for (const { pid } of lock.abandoned) {
        onNotice(`${path}: process ${pid}, which was at work here, has died; this one takes its place`);
      }
      for (const folder of [path, join(path, runFiles.samples), join(path, runFiles.checkpoints)]) {
        for (const name of await cleanLeftovers(folder))
          onNotice(`${folder}: deleted the unfinished ${name}`);
      }
      const found = await findCheckpoints(join(path, runFiles.checkpoints));
      for (const { error } of found.broken)
        onNotice(`passed by a checkpoint [${error.code}]: ${error.message}`);
      const config = await readPrevious(path);
      return new RunFolder(path, lock, options, { found, config });
    } catch (error) {
      await lock.release();
      throw error instanceof FileError ? error : unwritable(path, error);
    }
  }

  /**
   * Writes the configuration and opens the metrics, without the lines behind the step that training goes on from. Where
   * config.yaml says something else, it is kept as `config.before-step-N.yaml`.
   *
   * @throws FileError `file-unwritable`, `file-disk-full`, `file-unreadable`
   */
  async start({ config, step }: RunBeginning): Promise<void> {
    try {
      for (const folder of [runFiles.samples, runFiles.checkpoints]) {
        await mkdir(join(this.path, folder), { recursive: true });
      }
      await this.#writeConfig(config, step ?? 0);
    } catch (error) {
      throw error instanceof FileError ? error : unwritable(this.path, error);
    }
    await this.rewind(step);
  }

  /**
   * Goes back to a step, in the middle of a run too: lines and events of later ones are taken out.
   * @param step undefined: to before the first line
   * @throws FileError as {@link start}
   */
  async rewind(step: number | undefined): Promise<void> {
    await this.#closeStreams();
    const path = join(this.path, runFiles.metrics);
    const { later, damaged } = await cutMetrics(path, step ?? -1);
    if (later + damaged > 0) {
      const incomplete = damaged > 0 ? `, ${damaged} incomplete or damaged` : '';
      this.#options.onNotice?.(`${path}: took out ${later} lines of later steps${incomplete}`);
    }
    const metrics = await AppendFile.open(path);
    const events = await EventFile.create(this.path, {
      time: now(),
      step: step === undefined ? 0 : step + 1,
    });
    this.#streams = { metrics, events };
  }

  /**
   * Adds a line to the metrics and its numbers to TensorBoard's. One that cannot be written waits in memory and is written
   * with the next one that can.
   */
  async append(line: MetricLine): Promise<Outcome> {
    const { metrics, events } = this.#open();
    const time = now();
    this.#last = { step: line.step, stage: line.stage };
    const outcome = await this.#judge('metrics', await metrics.append(encodeLine({ ...line, time })));
    const scalars = scalarsOf(line);
    if (scalars.size === 0) return outcome;
    const shown = await this.#judge('events', await events.scalars({ time, step: line.step }, scalars));
    return outcome.ok ? shown : outcome;
  }

  /** Stores a validation picture as `samples/step-00001000-NAME.png`. */
  async saveSample({ step, stage, name, png }: SamplePicture): Promise<Outcome<{ readonly file: string }>> {
    const { events } = this.#open();
    const file = `${runFiles.samples}/step-${String(step).padStart(8, '0')}-${name}.png`;
    const written = await this.#attempt(() => writeFileAtomic(join(this.path, file), png));
    if (!written.ok) return written;
    await this.#judge('events', await events.image({ time: now(), step }, `samples/${name}`, png));
    await this.append({ type: 'sample', step, stage, name, file });
    return { ok: true, file };
  }

  /**
   * Saves a checkpoint, then deletes those that the policy does not keep. A disk that is full leaves the earlier ones as
   * they are.
   *
   * @throws NonFiniteError `non-finite`; FileError `checkpoint-state`; the signal's reason
   */
  async saveCheckpoint(
    content: CheckpointContent,
    { retention, best, signal }: SaveOptions,
  ): Promise<Outcome<{ readonly checkpoint: CheckpointInfo; readonly best: boolean }>> {
    const { metrics } = this.#open();
    const start = performance.now();
    const folder = join(this.path, runFiles.checkpoints);
    // First: a checkpoint must not be on the disk without the lines up to it.
    await this.#judge('metrics', await metrics.sync());
    const written = await this.#attempt(() => writeCheckpoint(folder, content, { signal }));
    if (!written.ok) return written;
    const checkpoint = written.value;
    const { step, stage } = checkpoint.state;
    const name = basename(checkpoint.path);
    const recorded = best
      ? await this.#attempt(() =>
          recordBest(folder, { metric: best.metric, value: best.value, step, checkpoint: name }, best.mode),
        )
      : undefined;
    const isBest = recorded?.ok === true && recorded.value;
    // Where it is not known which one is the best, none is deleted.
    if (recorded?.ok !== false) await this.#retain(folder, retention);
    const ms = performance.now() - start;
    const { bytes } = checkpoint;
    await this.append({ type: 'checkpoint', step, stage, checkpoint: name, bytes, ms, best: isBest });
    return { ok: true, checkpoint, best: isBest };
  }

  /** Writes report.html, from what stands in the folder now. */
  async report(): Promise<Outcome<{ readonly file: string }>> {
    const written = await this.#attempt(() => writeReport(this.path));
    return written.ok ? { ok: true, file: written.value.file } : written;
  }

  /** Gives the folder back. Lines that could not be written are lost now, which the alarm says. */
  async close(): Promise<void> {
    await this.#closeStreams();
    await this.#lock.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #writeConfig(text: string, step: number): Promise<void> {
    const path = join(this.path, runFiles.config);
    if (this.previousConfig === text) return;
    if (this.previousConfig !== undefined) {
      const kept = join(this.path, `config.before-step-${step}.yaml`);
      await writeFileAtomic(kept, new TextEncoder().encode(this.previousConfig));
      this.#options.onNotice?.(
        `${path}: another configuration than before, which is kept as ${basename(kept)}`,
      );
    }
    await writeFileAtomic(path, new TextEncoder().encode(text));
  }

  async #retain(folder: string, policy: SaveOptions['retention']): Promise<void> {
    const report = await this.#attempt(() => applyRetention(folder, policy));
    if (!report.ok) return;
    for (const { error } of report.value.broken) {
      this.#options.onNotice?.(`a checkpoint is damaged [${error.code}]: ${error.message}`);
    }
  }

  #open(): Streams {
    if (this.#streams) return this.#streams;
    throw new FileError('run-not-started', `${this.path} is not open for writing`, 'Call start() first.');
  }

  /** What training does not depend on: a failure of the disk becomes a result. */
  async #attempt<T>(write: () => Promise<T>): Promise<Outcome<{ readonly value: T }>> {
    try {
      return { ok: true, value: await write() };
    } catch (error) {
      if (!(error instanceof FileError && survivable.has(error.code))) throw error;
      await this.#alarm(error);
      return { ok: false, error };
    }
  }

  async #judge(name: StreamName, { error, lost }: AppendResult): Promise<Outcome> {
    if (!error) {
      const recovered = this.#failing.delete(name);
      if (recovered)
        this.#options.onNotice?.(`${this.path}: ${name} are written again, ${lost} records are lost`);
      return { ok: true };
    }
    if (!this.#failing.has(name)) {
      this.#failing.add(name);
      await this.#alarm(error);
    }
    return { ok: false, error };
  }

  /** Loud now, and a line for whoever reads the metrics later. */
  async #alarm(error: FileError): Promise<void> {
    this.#options.onAlarm?.(error);
    const { code, message } = error;
    const line = { type: 'alarm', ...this.#last, code, message, time: now() } as const;
    await this.#streams?.metrics.append(encodeLine(line));
  }

  async #closeStreams(): Promise<void> {
    const streams = this.#streams;
    this.#streams = undefined;
    if (!streams) return;
    for (const stream of [streams.metrics, streams.events]) {
      const { error, lost } = await stream.close();
      if (error) this.#options.onAlarm?.(error);
      if (lost > 0) this.#options.onNotice?.(`${this.path}: ${lost} records of metrics or events are lost`);
    }
  }
}

/** Seconds since 1970. */
function now(): number {
  return Date.now() / 1000;
}
