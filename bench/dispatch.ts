/**
 * What a dispatch costs in JavaScript: a forward pass through the ops, its replay, and as a mark the calls that WebGPU asks
 * for, in a bare loop over commands that were made before. `npm run bench:dispatch -- [--adapter NAME | --null] [--preset light] [--runs 50]`.
 * The latent is small, so that the GPU has nothing to do; with `--null` Dawn's backend computes nothing at all. Each run
 * begins on an idle queue, and the clock stops when the last command is recorded and submitted. `encoder.finish`, in which Dawn
 * checks the commands as a whole, and `queue.submit`, in which it turns them into the driver's, are timed apart.
 */
import { parseArgs } from 'node:util';
import { openDevice } from '@lua-webgpu/kernels';
import { captureForward, createLua, isPresetName, preset } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import { bareCalls } from './bare-calls.ts';
import { median } from './median.ts';
import { nullDevice } from './null-device.ts';

const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    null: { type: 'boolean', default: false },
    preset: { type: 'string', default: 'light' },
    runs: { type: 'string', default: '50' },
  },
});
if (!isPresetName(values.preset)) throw new RangeError(`there is no preset ${values.preset}`);
const presetName = values.preset;
using device = await openDevice(values.null ? { device: await nullDevice() } : { adapter: values.adapter });
const model = createLua(device, preset(presetName, { in_chans: 16 }));
using scope = openScope(device);
const latent = scope.tensor(new Float32Array(16 * 8 * 8), [1, 16, 8, 8]);
using captured = captureForward(device, model, latent.shape, [2]);

let groups = 0;
const createBindGroup = device.gpu.createBindGroup.bind(device.gpu);
device.gpu.createBindGroup = (descriptor) => {
  groups += 1;
  return createBindGroup(descriptor);
};
let finishing = 0;
const createCommandEncoder = device.gpu.createCommandEncoder.bind(device.gpu);
device.gpu.createCommandEncoder = () => {
  const encoder = createCommandEncoder();
  const finish = encoder.finish.bind(encoder);
  encoder.finish = () => {
    const begin = performance.now();
    const buffer = finish();
    finishing += performance.now() - begin;
    return buffer;
  };
  return encoder;
};
let submitting = 0;
const submit = device.gpu.queue.submit.bind(device.gpu.queue);
device.gpu.queue.submit = (buffers) => {
  const begin = performance.now();
  submit(buffers);
  submitting += performance.now() - begin;
};
const before = { groups, buffers: device.memory().created };
const replay = await medians(() => captured.run(latent));
const made = { groups: groups - before.groups, buffers: device.memory().created - before.buffers };
const ops = await medians(() => {
  using inner = scope.child();
  model.forward(inner.borrow(latent), [2]);
});

const bare = await bareCalls(device.gpu, captured.commands, Number(values.runs));

console.log(`${device.adapter.name}; ${presetName} ×2, ${captured.commands} commands; µs per command`);
for (const [name, { recording, finish, submission }] of [
  ['through the ops', ops],
  ['replayed', replay],
] as const) {
  const micro = (ms: number) => ((1000 * ms) / captured.commands).toFixed(2).padStart(8);
  console.log(
    `${name.padEnd(16)} recording ${micro(recording)}, encoder.finish ${micro(finish)}, queue.submit ${micro(submission)}`,
  );
}
console.log(
  `four bare calls  recording ${bare.median.toFixed(2).padStart(8)}, fastest ${bare.fastest.toFixed(2)}`,
);
console.log(`made by the replays: ${made.buffers} buffers, ${made.groups} bind groups`);

async function medians(run: () => void): Promise<{ recording: number; finish: number; submission: number }> {
  const recording: number[] = [];
  const finish: number[] = [];
  const submission: number[] = [];
  for (let i = 0; i < Number(values.runs); i++) {
    await device.synchronize();
    submitting = 0;
    finishing = 0;
    const begin = performance.now();
    run();
    device.flush();
    recording.push(performance.now() - begin - submitting - finishing);
    finish.push(finishing);
    submission.push(submitting);
  }
  await device.synchronize();
  return { recording: median(recording), finish: median(finish), submission: median(submission) };
}
