import { type Device, openDevice } from '@lua-webgpu/kernels';
import {
  formatProgress,
  loadTrainConfig,
  progressToJson,
  rehearse,
  type StageRehearsal,
  type TrainConfig,
  train as trainCurriculum,
} from '@lua-webgpu/train';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { exact, mebibytes } from '../device.ts';
import { UsageError } from '../errors.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { checkOutput } from '../latent-file.ts';
import { shared } from '../options.ts';
import { writeTrace } from '../trace.ts';

const spec = {
  name: 'train',
  summary: 'train an upscaler by a curriculum',
  positionals: ['CONFIG.yaml'],
  options: {
    out: {
      type: 'string',
      placeholder: 'RUN',
      about: 'the run folder; needed unless --dry-run or --profile',
    },
    resume: { type: 'boolean', about: 'go on from the newest whole checkpoint in the run folder' },
    'max-steps': {
      type: 'string',
      placeholder: 'N',
      about: 'stop before this step of the run, with a checkpoint to resume from',
    },
    set: {
      type: 'string',
      placeholder: 'path=value',
      multiple: true,
      about:
        'overrides a value of the configuration, for instance stages.0.steps=100; may be given several times',
    },
    'dry-run': {
      type: 'boolean',
      about: 'measure some steps of each stage, print parameters, memory and time, and write nothing',
    },
    profile: {
      type: 'boolean',
      about: 'as --dry-run, and print where the time of a step goes, by part and by kernel',
    },
    trace: { ...shared.trace, about: `with --profile: ${shared.trace.about}` },
    adapter: shared.adapter,
    ...commonOptions,
  },
  details: `CONFIG.yaml is a file, or the name of a recipe that comes with the package (recipes/tiny-cpu.yaml). The run folder gets config.yaml, metrics.jsonl, TensorBoard event files, samples/, checkpoints/ and report.html. Ctrl-C finishes the step that is under way, writes a checkpoint and ends; --resume goes on from there, with the same bits as without the stop on the same adapter.`,
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const config = await loadTrainConfig(parsed.positionals[0] ?? '', { set: parsed.texts('set') });
  const adapter = parsed.text('adapter');
  const open = () => openDevice({ ...exact, adapter, onNotice: (line) => context.output.note(line) });
  const profile = parsed.has('profile');
  const trace = parsed.text('trace');
  if (trace !== undefined && !profile) {
    throw new UsageError('usage-argument', '--trace is for --profile', 'Pass --profile too.');
  }
  if (trace !== undefined) await checkOutput(trace, [parsed.positionals[0]]);
  if (profile || parsed.has('dry-run')) return await rehearsal(config, open, { profile, trace }, context);
  return await training(config, open, parsed, context);
}

async function training(
  config: TrainConfig,
  open: () => Promise<Device>,
  parsed: Parsed,
  { output, signal }: CommandContext,
): Promise<number> {
  const out = parsed.text('out');
  if (out === undefined) {
    throw new UsageError('usage-argument', '--out is missing', 'Name the run folder: --out runs/NAME.');
  }
  const result = await trainCurriculum(config, {
    out,
    resume: parsed.has('resume'),
    maxSteps: parsed.count('max-steps'),
    signal,
    open,
    onProgress: (progress) =>
      output.note(output.interactive ? formatProgress(progress) : progressToJson(progress)),
    onNotice: (line) => output.note(line),
    onAlarm: (error) => output.warn(`${error.message}. ${error.fix}`),
  });
  output.result(result);
  output.print(
    `${ended[result.reason]} after ${result.step} steps; checkpoint ${result.checkpoint ?? 'none'}`,
  );
  return result.reason === 'interrupted' ? exitCodeOf(signal.reason) : 0;
}

const ended = { done: 'done', interrupted: 'interrupted', 'max-steps': 'stopped by --max-steps' } as const;

/** Timed steps per stage: enough for a median. */
const rehearsedSteps = 5;

async function rehearsal(
  config: TrainConfig,
  open: () => Promise<Device>,
  { profile, trace }: { readonly profile: boolean; readonly trace: string | undefined },
  { output, signal }: CommandContext,
): Promise<number> {
  const stages = await rehearse(config, { open, steps: rehearsedSteps, profile, signal });
  if (trace !== undefined) await writeStageTrace(trace, stages);
  output.result({ name: config.name, stages: stages.map(withoutTimeline) });
  for (const stage of stages) for (const line of describe(stage)) output.print(line);
  const seconds = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  output.print(`all stages: ${(seconds / 3600).toFixed(2)} h, without validation and checkpoints`);
  return 0;
}

async function writeStageTrace(path: string, stages: readonly StageRehearsal[]): Promise<void> {
  const parts = stages.flatMap(({ stage, profile }) =>
    (profile?.timeline ?? []).map((times) => ({ ...times, name: `${stage}: ${times.part}` })),
  );
  await writeTrace(path, parts, parts);
}

/** Thousands of passes, which are what --trace is for. */
function withoutTimeline({ profile, ...stage }: StageRehearsal): object {
  if (!profile) return stage;
  const { timeline: _, ...rest } = profile;
  return { ...stage, profile: rest };
}

function describe({
  stage,
  trainableParameters,
  peakBytes,
  phases,
  seconds,
  profile,
}: StageRehearsal): string[] {
  const times = phases.map(
    ({ heads, steps, msPerStep }) =>
      `${steps} steps of ${msPerStep.toFixed(0)} ms with ${heads === 1 ? 'one head' : `${heads} heads`}`,
  );
  const head = `stage ${stage}: ${trainableParameters} parameters that learn, ${mebibytes(peakBytes)} of GPU memory at the peak, ${times.join(', ')}, ${(seconds / 3600).toFixed(2)} h`;
  if (!profile) return [head];
  const parts = Object.entries(profile.parts).map(
    ([part, { wallMs, gpuMs }]) =>
      `  ${part.padEnd(10)} ${wallMs.toFixed(1).padStart(9)} ms, GPU ${gpuMs.toFixed(1).padStart(9)} ms`,
  );
  const kernels = profile.kernels.map(
    ({ kernel, dispatches, ms, flops }) =>
      `  ${kernel.padEnd(40)} ${String(dispatches).padStart(5)} × ${ms.toFixed(1).padStart(9)} ms ${(flops / ms / 1e6).toFixed(1).padStart(7)} GFLOP/s`,
  );
  const wallMs = phases[0]?.msPerStep ?? Number.NaN;
  const idle = `  GPU ${profile.gpuMs.toFixed(1)} ms of ${wallMs.toFixed(1)} ms: ${(100 * profile.idleShare).toFixed(1)} % of a step is not the GPU's`;
  return [head, ...parts, idle, ...kernels];
}

export const train: Command = { spec, run };
