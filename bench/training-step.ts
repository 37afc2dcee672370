import { parseArgs } from 'node:util';
import { openDevice } from '@lua-webgpu/kernels';
import { createLua, preset, runRecomputed, runStored } from '@lua-webgpu/lua-model';
import {
  Adam,
  abs,
  add,
  affine,
  backward,
  Ema,
  fftMagnitude,
  mean,
  openScope,
  ParameterArena,
  scoped,
  sub,
  Tape,
  type Tensor,
  toChannelsLast,
} from '@lua-webgpu/tensor';

// A Stage I step of the light preset: ×2 pairs 32² → 64² and ×4 pairs 16² → 64², both heads, 16 channels. Prints what
// the memory goes to, and ms per step.
const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    preset: { type: 'string', default: 'light' },
    batch: { type: 'string', default: '8' },
    steps: { type: 'string', default: '4' },
    stored: { type: 'boolean', default: false },
  },
});
const batch = Number(values.batch);
const device = await openDevice({
  adapter: values.adapter,
  onNotice: (line) => process.stderr.write(`${line}\n`),
});
const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const rows: [string, number][] = [];
let before = 0;
const note = (name: string) => {
  const { inUse } = device.memory();
  rows.push([name, inUse - before]);
  before = inUse;
};

const model = createLua(device, preset(values.preset as 'light' | 'tiny', { in_chans: 16 }));
const arena = new ParameterArena(model.namedParameters());
note('parameters');
const optimizer = new Adam(arena, { lr: 2e-4, betas: [0.9, 0.995] });
const ema = new Ema(arena, { decay: 0.999 });
note('moments and EMA');
const data = openScope(device);
const latent = (side: number, seed: number) =>
  data.tensor(
    Float32Array.from({ length: batch * 16 * side * side }, (_, i) => Math.sin(seed + 1.7 * i)),
    [batch, 16, side, side],
  );
const inputs = new Map([
  [2, latent(32, 1)],
  [4, latent(16, 2)],
]);
const target = latent(64, 3);
note('one batch');

function loss(prediction: Tensor, wanted: Tensor): Tensor {
  const spectrum = (x: Tensor) => scoped(x, (input) => fftMagnitude(toChannelsLast(input)));
  return scoped(prediction, (p) => {
    const l1 = mean(abs(sub(p, wanted)));
    const fft = mean(abs(sub(spectrum(p), spectrum(wanted))));
    return add(l1, affine(fft, { scale: 0.1, offset: 0 }));
  });
}

async function step(): Promise<{ loss: number; saved: number; gradients: number }> {
  using scope = data.child();
  using tape = new Tape();
  const start = device.memory().inUse;
  const losses = [...inputs].map(([scale, input]) => {
    const x = tape.constant(scope.borrow(input));
    const prediction = model
      .forward(x, [scale], values.stored ? runStored : runRecomputed)
      .get(scale) as Tensor;
    const value = loss(prediction, scope.borrow(target));
    prediction.dispose();
    return value;
  });
  const total = losses.reduce((sum, each) => add(sum, each));
  const saved = device.memory().inUse - start;
  using gradients = backward(total);
  const held = device.memory().inUse - start;
  optimizer.step(gradients, { maxNorm: 0.4 });
  ema.update();
  return { loss: (await total.readFloats())[0] ?? Number.NaN, saved, gradients: held };
}

const times: number[] = [];
const created: number[] = [];
let last = await step();
device.resetPeakMemory();
for (let i = 1; i < Number(values.steps); i++) {
  const began = performance.now();
  last = await step();
  times.push(performance.now() - began);
  created.push(device.memory().created);
}
times.sort((a, b) => a - b);
const { peak } = device.memory();
console.log(
  `${device.adapter.name}, ${values.preset}, batch ${batch}, ${values.stored ? 'everything stored' : 'blocks recomputed'}`,
);
for (const [name, bytes] of rows) console.log(`${name.padEnd(34)} ${mebibytes(bytes)}`);
console.log(`${'saved for the backward pass'.padEnd(34)} ${mebibytes(last.saved)}`);
console.log(`${'gradients'.padEnd(34)} ${mebibytes(last.gradients)}`);
console.log(
  `${'transients of the backward pass'.padEnd(34)} ${mebibytes(peak - before - last.saved)} (peak beyond all of the above)`,
);
console.log(`${'peak'.padEnd(34)} ${mebibytes(peak)}`);
console.log(
  `loss ${last.loss.toFixed(5)}, ${(times[Math.floor(times.length / 2)] ?? 0).toFixed(0)} ms per step (median of ${times.length})`,
);
console.log(
  `buffers created per step, from the third: ${created
    .slice(1)
    .map((n, i) => n - (created[i] ?? 0))
    .join(', ')}`,
);
device.destroy();
