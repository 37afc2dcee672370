/**
 * What a dispatch costs in JavaScript: a forward pass through the ops, and its replay. `npm run bench:dispatch --
 * [--adapter NAME] [--runs 50]`. The latent is small, so that the GPU has nothing to do; each run begins on an idle
 * queue, and the clock stops when the last command is recorded and submitted.
 */
import { parseArgs } from 'node:util';
import { openDevice } from '@lua-webgpu/kernels';
import { captureForward, createLua, preset } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';

const { values } = parseArgs({
  options: { adapter: { type: 'string' }, runs: { type: 'string', default: '50' } },
});
using device = await openDevice({ adapter: values.adapter });
const model = createLua(device, preset('light', { in_chans: 16 }));
using scope = openScope(device);
const latent = scope.tensor(new Float32Array(16 * 8 * 8), [1, 16, 8, 8]);
using captured = captureForward(device, model, latent.shape, [2]);

let groups = 0;
const createBindGroup = device.gpu.createBindGroup.bind(device.gpu);
device.gpu.createBindGroup = (descriptor) => {
  groups += 1;
  return createBindGroup(descriptor);
};
const before = { groups, buffers: device.memory().created };
const replay = await medianMs(() => captured.run(latent));
const made = { groups: groups - before.groups, buffers: device.memory().created - before.buffers };
const ops = await medianMs(() => {
  using inner = scope.child();
  model.forward(inner.borrow(latent), [2]);
});

console.log(`${device.adapter.name}; light ×2, ${captured.commands} commands`);
for (const [name, ms] of [
  ['through the ops', ops],
  ['replayed', replay],
] as const) {
  const micro = ((1000 * ms) / captured.commands).toFixed(2);
  console.log(`${name.padEnd(16)} ${ms.toFixed(2).padStart(8)} ms ${micro.padStart(8)} µs per command`);
}
console.log(`made by the replays: ${made.buffers} buffers, ${made.groups} bind groups`);

async function medianMs(run: () => void): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < Number(values.runs); i++) {
    await device.synchronize();
    const begin = performance.now();
    run();
    device.flush();
    times.push(performance.now() - begin);
  }
  await device.synchronize();
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] as number;
}
