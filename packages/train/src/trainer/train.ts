import { createHash } from 'node:crypto';
import { type Device, type FileError, openDevice } from '@lua-webgpu/kernels';
import { type CheckpointInfo, readCheckpoint } from '../checkpoint/index.ts';
import { formatConfig, type TrainConfig } from '../config/index.ts';
import { openDataset } from '../data/index.ts';
import { type Progress, RunFolder } from '../run/index.ts';
import { checkData } from './data-check.ts';
import { FolderRecorder } from './folder-recorder.ts';
import { type Counters, freshCounters, Position } from './position.ts';
import { type EndReason, type Moment, Training } from './training.ts';

export interface TrainOptions {
  /** The run folder. */
  readonly out: string;
  /** Go on with the run in the folder from its newest checkpoint. */
  readonly resume?: boolean | undefined;
  /** Stop before this step of the run, with a checkpoint. */
  readonly maxSteps?: number | undefined;
  /** When it aborts, the step that is under way is finished and a checkpoint written. */
  readonly signal?: AbortSignal | undefined;
  /** Opens the device; called again when it is lost. Default: `openDevice`, with products of float32. */
  readonly open?: (() => Promise<Device>) | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** One line for a person. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** What a person must see at once: the disk is full. */
  readonly onAlarm?: ((error: FileError) => void) | undefined;
}

export interface TrainResult {
  readonly reason: EndReason;
  readonly step: number;
  /** Folder of the last checkpoint. */
  readonly checkpoint: string | undefined;
  readonly skipped: number;
}

/**
 * Trains a curriculum (paper, section 3.3) in a run folder, from its beginning or from its newest checkpoint.
 *
 * @throws FileError for a folder that has a run and no `resume`, that another trainer works in, or that cannot be
 * written; for a dataset that does not fit
 * @throws TrainingError `train-diverged`, `train-data`
 */
export async function train(config: TrainConfig, options: TrainOptions): Promise<TrainResult> {
  const { out, resume = false, onNotice = () => undefined, onAlarm } = options;
  const text = formatConfig(config);
  const folder = await RunFolder.open(out, { resume, onNotice, ...(onAlarm && { onAlarm }) });
  try {
    const newest = folder.found.newest;
    const from = newest && (await momentOf(config, newest));
    await folder.start({ config: text, step: from?.position.step });
    const recorder = new FolderRecorder(folder, config, sha256(text), options);
    await using train = await openDataset(config.data.train);
    await using validation =
      config.data.validation === null ? undefined : await openDataset(config.data.validation);
    checkData(config, train, validation);
    const open = async () => {
      const device = await (options.open ?? openExact)();
      await recorder.opened(device, newest?.state);
      return device;
    };
    const training = new Training(config, { train, validation }, recorder, { ...options, open }, from);
    return await recorder.finish(training.run());
  } finally {
    await folder.close();
  }
}

async function momentOf(config: TrainConfig, { path, state }: CheckpointInfo): Promise<Moment> {
  const { weights, ema, optimizer } = await readCheckpoint(path);
  const counters = { ...freshCounters(), ...state.counters } as Counters;
  return {
    position: new Position(config, state.stageIndex, state.stageStep, counters),
    snapshot: { weights, optimizer, ...(ema && { ema }) },
    metrics: state.metrics,
  };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Many gradients are too small for float16, whatever the environment says. */
const openExact = () => openDevice({ float32MatmulPrecision: 'highest' });
