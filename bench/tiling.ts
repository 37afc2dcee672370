import { parseArgs } from 'node:util';
import { openDevice } from '@lua-webgpu/kernels';
import { createLua, preset, upscale } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import { median } from './median.ts';

/**
 * What a larger latent costs, and what tiles add: light ×2, 16 channels. `npm run bench:tiling -- [--adapter NAME]
 * [--rounds 4]`. The three take turns, so that what else the machine does slows all of them.
 */
const { values } = parseArgs({
  options: { adapter: { type: 'string' }, rounds: { type: 'string', default: '4' } },
});
using device = await openDevice({ adapter: values.adapter });
const model = createLua(device, preset('light'));
using scope = openScope(device);

const cases = [
  { name: '64²', side: 64, tiles: {} },
  { name: '128²', side: 128, tiles: {} },
  { name: '128² in tiles of 64 with an overlap of 8', side: 128, tiles: { tile: 64, overlap: 8 } },
].map(({ name, side, tiles }) => {
  const latent = scope.tensor(
    Float32Array.from({ length: 16 * side * side }, (_, i) => Math.sin(i)),
    [1, 16, side, side],
  );
  const run = async () => {
    (await upscale(model, latent, { scale: 2, ...tiles })).dispose();
    await device.synchronize();
  };
  return { name, run, samples: [] as number[] };
});

for (const { run } of cases) await run();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { run, samples } of cases) {
    const began = performance.now();
    await run();
    samples.push(performance.now() - began);
  }
}

const [small, whole, tiled] = cases.map(({ samples }) => [median(samples), Math.min(...samples)]);
const cells = (numbers: readonly number[] = [], digits = 0) =>
  numbers.map((each) => each.toFixed(digits)).join(' | ');
const ratio = (a: readonly number[] = [], b: readonly number[] = []) =>
  cells(
    a.map((each, i) => each / (b[i] as number)),
    2,
  );
console.log(`${device.adapter.name}, light ×2, 16 channels, ${values.rounds} runs each\n`);
console.log('| forward, ms | median | fastest |\n| --- | ---: | ---: |');
for (const [i, each] of [small, whole, tiled].entries())
  console.log(`| ${cases[i]?.name} | ${cells(each)} |`);
console.log(`| 128² / 64² | ${ratio(whole, small)} |`);
console.log(`| in tiles / whole | ${ratio(tiled, whole)} |`);
