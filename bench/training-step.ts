import { parseArgs } from 'node:util';
import { type KernelTime, openDevice } from '@lua-webgpu/kernels';
import { preset, runRecomputed, runStored } from '@lua-webgpu/lua-model';
import { stageCases } from './losses.ts';
import { measure } from './measure.ts';
import { median } from './median.ts';
import { type StepReport, trainingStep } from './training/step.ts';

// A Stage I step with 16 channels: ms per step and what the memory goes to, with --profile what the time goes to,
// with --captured of steps that are replayed.
const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    preset: { type: 'string', default: 'light' },
    batch: { type: 'string', default: '8' },
    steps: { type: 'string', default: '4' },
    stored: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    captured: { type: 'boolean', default: false },
  },
});
const batch = Number(values.batch);
const device = await openDevice({
  adapter: values.adapter,
  onNotice: (line) => process.stderr.write(`${line}\n`),
});
const step = trainingStep(device, {
  config: preset(values.preset as 'light' | 'tiny', { in_chans: 16 }),
  batch,
  runBlock: values.stored ? runStored : runRecomputed,
});
console.log(
  `${device.adapter.name}, ${values.preset}, batch ${batch}, ${values.stored ? 'everything stored' : 'blocks recomputed'}`,
);
const allocated = device.memory().inUse;
// It compiles, too.
const first = await step.run();
const run = () => (values.captured ? step.replay() : step.run());
const steps = Number(values.steps) - 1;
if (values.profile) await printProfile();
else {
  await printStep();
  await printLosses();
}
device.destroy();

async function printStep(): Promise<void> {
  device.resetPeakMemory();
  const reports: StepReport[] = [];
  const created: number[] = [];
  for (let i = 0; i < steps; i++) {
    reports.push(await run());
    created.push(device.memory().created);
  }
  const last = reports.at(-1) as StepReport;
  const { peak } = device.memory();
  const rows = [
    ...step.memory,
    ['saved for the backward pass', first.saved],
    ['gradients', first.gradients],
    ['transients of the backward pass', peak - allocated - first.saved],
    ['peak', peak],
  ] as const;
  for (const [name, bytes] of rows) console.log(`${name.padEnd(34)} ${(bytes / 2 ** 20).toFixed(1)} MiB`);
  const of = (pick: (report: StepReport) => number) => median(reports.map(pick)).toFixed(0);
  console.log(
    `loss ${last.loss.toFixed(5)}, ${of((r) => r.ms)} ms per step, of which recording ${of((r) => r.recordingMs)}; processor time ${of((r) => r.processorMs)} ms (medians of ${steps})`,
  );
  const perStep = created.slice(1).map((count, i) => count - (created[i] ?? 0));
  console.log(`buffers created per step, from the third: ${perStep.join(', ')}`);
}

/** What the losses of one head take by themselves, the machine as it is now. */
async function printLosses(): Promise<void> {
  for (const { name, ms } of await measure(device, stageCases, 1))
    console.log(`${name.padEnd(62)} ${ms.toFixed(1)} ms`);
}

/** GPU time by kernel, of each the least of all steps: other programs on the machine only ever add to it. */
async function printProfile(): Promise<void> {
  const least = new Map<string, KernelTime>();
  for (let i = 0; i < steps; i++) {
    const times = await device.profile(async () => {
      await run();
    });
    for (const time of times) {
      const known = least.get(time.kernel);
      if (!known || time.ms < known.ms) least.set(time.kernel, time);
    }
  }
  const times = [...least.values()].sort((a, b) => b.ms - a.ms);
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  console.log('\n| kernel | dispatches | ms | % | GFLOP/s |\n| --- | ---: | ---: | ---: | ---: |');
  for (const { kernel, dispatches, ms, flops } of times) {
    const [share, rate] = [(100 * ms) / total, flops / ms / 1e6];
    console.log(
      `| ${kernel} | ${dispatches} | ${ms.toFixed(1)} | ${share.toFixed(1)} | ${rate.toFixed(2)} |`,
    );
  }
  const dispatches = times.reduce((sum, time) => sum + time.dispatches, 0);
  console.log(`| all | ${dispatches} | ${total.toFixed(1)} | 100 | |`);
}
