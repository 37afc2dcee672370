import { createHash } from 'node:crypto';
import type { Device } from '@lua-webgpu/kernels';
import { Lua } from '@lua-webgpu/lua-model';
import type { CheckpointContent, TrainingState } from '../checkpoint/index.ts';
import type { TrainConfig } from '../config/index.ts';
import { type MetricLine, type Progress, type RunFolder, writeReport } from '../run/index.ts';
import { trainerVersion } from '../version.ts';
import { stepsBefore } from './plan.ts';
import type { Position } from './position.ts';
import type { TrainOptions, TrainResult } from './train.ts';
import type { EndReason, Moment, Recorder } from './training.ts';
import type { ValidationResult } from './validation.ts';

/** Keeps a run in its folder. */
export class FolderRecorder implements Recorder {
  readonly #folder: RunFolder;
  readonly #config: TrainConfig;
  readonly #configSha256: string;
  readonly #options: Pick<TrainOptions, 'onProgress' | 'onNotice'>;
  #opened = 0;
  #checkpoint: string | undefined;
  #step = 0;
  #stage = '';
  #skipped = 0;

  constructor(
    folder: RunFolder,
    config: TrainConfig,
    configSha256: string,
    options: Pick<TrainOptions, 'onProgress' | 'onNotice'>,
  ) {
    this.#folder = folder;
    this.#config = config;
    this.#configSha256 = configSha256;
    this.#options = options;
    const newest = folder.found.newest;
    this.#checkpoint = newest?.path;
    this.#step = newest?.state.step ?? 0;
    this.#stage = newest?.state.stage ?? config.stages[0]?.name ?? '';
    this.#skipped = newest?.state.counters.skipped ?? 0;
  }

  /** A device is there: the run begins, or goes on. */
  async opened(device: Device, resumed: TrainingState | undefined): Promise<void> {
    const { adapter } = device;
    const steps = stepsBefore(this.#config, this.#config.stages.length);
    const common = { version: trainerVersion(), node: process.version, adapter, steps };
    const again = this.#opened++ > 0;
    if (!resumed && !again) {
      await this.append({
        ...this.#here(),
        ...common,
        type: 'start',
        name: this.#config.name,
        platform: `${process.platform} ${process.arch}`,
        parameters: parameterCount(this.#config),
      });
      return;
    }
    const differences = resumed ? this.#differences(device, resumed) : [];
    for (const line of differences) {
      this.notice(`the run goes on differently than it would have without a stop: ${line}`);
    }
    const checkpoint = this.#checkpoint ?? null;
    await this.append({ ...this.#here(), ...common, type: 'resume', checkpoint, differences });
  }

  async append(line: MetricLine): Promise<void> {
    this.#step = line.step;
    this.#stage = line.stage;
    if (line.type === 'skipped') this.#skipped += 1;
    // A full disk is told by the folder's alarm; training goes on.
    await this.#folder.append(line);
  }

  async savePictures(position: Position, pictures: ValidationResult['pictures']): Promise<void> {
    for (const { name, png } of pictures) {
      await this.#folder.saveSample({ step: position.step, stage: position.stage.name, name, png });
    }
  }

  async saveCheckpoint(
    { position, snapshot, metrics }: Moment,
    device: Device,
    best?: number,
  ): Promise<void> {
    const { keep_last, keep_every } = this.#config.checkpoint;
    const content: CheckpointContent = {
      config: this.#config.model,
      weights: snapshot.weights,
      ...(snapshot.ema && { ema: snapshot.ema }),
      optimizer: snapshot.optimizer ?? new Map(),
      state: {
        step: position.step,
        stage: position.stage.name,
        stageIndex: position.stageIndex,
        stageStep: position.stageStep,
        counters: { ...position.counters },
        adapter: device.adapter,
        kernels: kernelChoices(device),
        configSha256: this.#configSha256,
        version: trainerVersion(),
        metrics,
        written: new Date().toISOString(),
      },
    };
    const saved = await this.#folder.saveCheckpoint(content, {
      retention: { keepLast: keep_last, ...(keep_every !== null && { keepEvery: keep_every }) },
      ...(best !== undefined && { best: { metric: 'psnr', value: best, mode: 'max' } }),
    });
    if (saved.ok) this.#checkpoint = saved.checkpoint.path;
  }

  async rewind(position: Position | undefined): Promise<void> {
    this.#step = position?.step ?? 0;
    this.#stage = position?.stage.name ?? this.#config.stages[0]?.name ?? '';
    this.#skipped = position?.counters.skipped ?? 0;
    // The line that begins a run went with the others.
    if (!position) this.#opened = 0;
    await this.#folder.rewind(position?.step);
  }

  progress(progress: Progress): void {
    this.#options.onProgress?.(progress);
  }

  notice(line: string): void {
    this.#options.onNotice?.(line);
  }

  /** Waits for the run, writes how it ended and the report. */
  async finish(run: Promise<EndReason>): Promise<TrainResult> {
    try {
      const reason = await run;
      await this.append({ ...this.#here(), type: 'end', reason });
      return { reason, step: this.#step, checkpoint: this.#checkpoint, skipped: this.#skipped };
    } catch (error) {
      const diverged = (error as { code?: string }).code === 'train-diverged';
      const message = error instanceof Error ? error.message : String(error);
      await this.append({ ...this.#here(), type: 'end', reason: diverged ? 'diverged' : 'failed', message });
      throw error;
    } finally {
      await this.#report();
    }
  }

  /** A run is not lost for want of a page about it. */
  async #report(): Promise<void> {
    try {
      await writeReport(this.#folder.path);
    } catch (error) {
      this.notice(`report.html was not written: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #here(): { step: number; stage: string } {
    return { step: this.#step, stage: this.#stage };
  }

  /** Why what follows is not bit for bit what an uninterrupted run would have given. */
  #differences(device: Device, before: TrainingState): string[] {
    const changed = (what: string, then: string, now: string) =>
      then === now ? [] : [`${what} was ${then}, now it is ${now}`];
    return [
      ...changed('the adapter', before.adapter.name, device.adapter.name),
      ...changed('the choice of kernels', inWords(before.kernels), inWords(kernelChoices(device))),
      ...changed('the version', before.version, trainerVersion()),
      ...(before.configSha256 === this.#configSha256 ? [] : ['the configuration was changed']),
    ];
  }
}

/** Variants that the device does not choose by itself: by family where forced, by family and shape where tuned. */
const kernelChoices = ({ force, tuned }: Device): Record<string, string> => ({
  ...tuned.picks,
  ...Object.fromEntries(force),
});

/** Tuned picks are too many to name: their number and a hash tell them apart. */
function inWords(choices: Readonly<Record<string, string>>): string {
  const lines = Object.entries(choices)
    .map(([what, variant]) => `${what}:${variant}`)
    .sort();
  const forced = lines.filter((line) => !line.includes(' '));
  const tuned = lines.filter((line) => line.includes(' '));
  const hash = createHash('sha256').update(tuned.join('\n')).digest('hex').slice(0, 8);
  const parts = tuned.length > 0 ? [...forced, `${tuned.length} tuned (${hash})`] : forced;
  return parts.join(',') || 'chosen by shape';
}

function parameterCount(config: TrainConfig): number {
  const sizes = [...new Lua(config.model).namedParameters()].map(([, { shape }]) => shape);
  return sizes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
