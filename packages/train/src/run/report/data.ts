import { basename, join } from 'node:path';
import { FileError } from '@lua-webgpu/kernels';
import { candidates, describeCheckpoint, readBest } from '../../checkpoint/index.ts';
import { readPrevious, runFiles } from '../layout.ts';
import { type ReadLine, textLines } from '../metrics-file.ts';
import { knownLine } from './known-line.ts';
import { StageCollector, type StageCurves } from './stages.ts';

type LineOf<T extends ReadLine['type']> = Extract<ReadLine, { type: T }>;

/** PSNR in dB at one step: by scale, by who made the pixels. */
export interface Validation {
  readonly step: number;
  readonly stage: string;
  readonly psnr: ReadonlyMap<string, Readonly<Record<string, number>>>;
}

/** From a start or resume to the last line before the next one. */
export interface Session {
  readonly kind: 'start' | 'resume';
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly differences: readonly string[];
}

export interface CheckpointRow {
  readonly name: string;
  readonly step: number;
  readonly stage: string;
  readonly bytes: number;
  readonly ms: number;
  readonly best: boolean;
  /** `damaged` by the look of its manifest and the lengths of its files. */
  readonly state: 'there' | 'deleted' | 'damaged';
}

/** What a run folder tells, for the report. */
export interface RunData {
  readonly path: string;
  readonly config: string | undefined;
  readonly start: LineOf<'start'> | undefined;
  readonly end: LineOf<'end'> | undefined;
  readonly stages: readonly StageCurves[];
  readonly validations: readonly Validation[];
  readonly skipped: readonly LineOf<'skipped'>[];
  readonly samples: readonly LineOf<'sample'>[];
  readonly checkpoints: readonly CheckpointRow[];
  readonly alarms: readonly LineOf<'alarm'>[];
  readonly sessions: readonly Session[];
  /** Of all sessions together. */
  readonly seconds: number;
  readonly lastStep: number;
  /** Steps of all stages together, as the last start or resume had them; undefined where none of them says. */
  readonly plannedSteps: number | undefined;
  /** Lines that were not understood. */
  readonly damagedLines: number;
}

/**
 * Reads a run folder, whether its trainer is at work or not. Nothing is locked or changed.
 * @throws FileError `run-missing`, `file-unreadable`
 */
export async function readRun(path: string): Promise<RunData> {
  const stages = new Map<string, StageCollector>();
  const lines = { skipped: [], sample: [], checkpoint: [], alarm: [], start: [] } as {
    [T in 'skipped' | 'sample' | 'checkpoint' | 'alarm' | 'start']: LineOf<T>[];
  };
  const validations: Validation[] = [];
  const sessions: Session[] = [];
  let [lastStep, damagedLines] = [0, 0];
  let end: RunData['end'];
  let plannedSteps: RunData['plannedSteps'];
  for await (const { text, ended } of metricsOf(path)) {
    const line = knownLine(text);
    if (!line) {
      // A line that is just being written is none.
      if (ended) damagedLines += 1;
      continue;
    }
    // What is gone on with has not ended.
    end = line.type === 'end' ? line : undefined;
    if (line.type === 'start' || line.type === 'resume') plannedSteps = line.steps ?? plannedSteps;
    if (line.type === 'step') lastStep = Math.max(lastStep, line.step);
    if (line.type === 'step' || line.type === 'stage') {
      const stage = stages.get(line.stage) ?? new StageCollector(line.stage);
      stages.set(line.stage, stage);
      stage.add(line);
    }
    if (line.type === 'validation') {
      const { step, stage, psnr } = line;
      validations.push({
        step,
        stage,
        psnr: new Map(Object.entries(psnr).map(([scale, values]) => [scale, { ...values }])),
      });
    }
    if (Object.hasOwn(lines, line.type)) (lines[line.type as keyof typeof lines] as ReadLine[]).push(line);
    extend(sessions, line);
  }
  const seconds = sessions.reduce((sum, { from, to }) => sum + to - from, 0);
  return {
    path,
    config: await readPrevious(path),
    start: lines.start.at(-1),
    end,
    stages: [...stages.values()].map((stage) => stage.curves()),
    validations,
    skipped: lines.skipped,
    samples: lines.sample,
    checkpoints: await checkpointRows(path, lines.checkpoint),
    alarms: lines.alarm,
    sessions,
    seconds,
    lastStep,
    plannedSteps,
    damagedLines,
  };
}

async function* metricsOf(path: string): ReturnType<typeof textLines> {
  try {
    yield* textLines(join(path, runFiles.metrics));
  } catch (error) {
    if (!(error instanceof FileError && error.code === 'file-not-found')) throw error;
    throw new FileError(
      'run-missing',
      `there is no training run in ${path}: it has no ${runFiles.metrics}`,
      'Pass the folder that was given to train as --out.',
    );
  }
}

function extend(sessions: Session[], { type, step, time, ...rest }: ReadLine): void {
  const last = sessions.at(-1);
  if (type === 'start' || type === 'resume' || !last) {
    const differences = 'differences' in rest ? rest.differences : [];
    sessions.push({ kind: type === 'resume' ? 'resume' : 'start', from: time, to: time, step, differences });
  } else {
    sessions[sessions.length - 1] = { ...last, to: Math.max(last.to, time) };
  }
}

/** Those that the metrics tell of, and those that are on the disk besides, from the first step on. */
async function checkpointRows(
  path: string,
  lines: readonly LineOf<'checkpoint'>[],
): Promise<CheckpointRow[]> {
  const folder = join(path, runFiles.checkpoints);
  const best = await bestOf(folder);
  const found = new Map<string, CheckpointRow>();
  for (const { checkpoint: name, step, stage, bytes, ms } of lines) {
    found.set(name, { name, step, stage, bytes, ms, best: name === best, state: 'deleted' });
  }
  for (const at of await candidates(folder)) {
    const name = basename(at);
    const told = found.get(name);
    const unknown = {
      name,
      step: Number.NaN,
      stage: '',
      bytes: Number.NaN,
      ms: Number.NaN,
      best: name === best,
    };
    found.set(name, { ...(told ?? unknown), ...(await describe(at)) });
  }
  return [...found.values()].sort((a, b) => a.step - b.step);
}

async function describe(path: string): Promise<Partial<CheckpointRow> & Pick<CheckpointRow, 'state'>> {
  try {
    const { state, bytes } = await describeCheckpoint(path);
    return { step: state.step, stage: state.stage, bytes, state: 'there' };
  } catch (error) {
    if (error instanceof FileError) return { state: 'damaged' };
    throw error;
  }
}

/** Name of the best checkpoint; a best.json that is damaged names none. */
async function bestOf(folder: string): Promise<string | undefined> {
  try {
    return (await readBest(folder))?.checkpoint;
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}
