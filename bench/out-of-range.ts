import { parseArgs } from 'node:util';
import { openDevice } from '@lua-webgpu/kernels';
import { loadPretrained, loadPretrainedDecoder, upscale } from '@lua-webgpu/lua-model';
import { openScope, readTensorFile, toFloat32 } from '@lua-webgpu/tensor';

// What flux-small makes of latents unlike those of its training, with and without a bound on the output: ranges of the values, and
// the share of the decoded values that are far outside of [0, 1], which show as saturated streaks.
//   npm run bench:range -- [--adapter lavapipe]
const { values: options } = parseArgs({ options: { adapter: { type: 'string' } } });

const device = await openDevice({ adapter: options.adapter });
const model = await loadPretrained(device, 'flux-small');
const decoder = await loadPretrainedDecoder(device, 'flux-tiny-decoder');
const { tensors } = await readTensorFile('examples/raccoon-256.safetensors');
const latent = tensors.get('latent');
if (!latent) throw new Error('the example holds no latent');
const { shape } = latent;
const photograph = toFloat32(latent);

const normal = normals(1);
const filled = (value: () => number) => Float32Array.from(photograph, value);
const inputs: Record<string, Float32Array> = {
  photograph,
  'photograph × 4': photograph.map((value) => 4 * value),
  'noise, σ 2': filled(() => 2 * normal()),
  'noise, σ 8': filled(() => 8 * normal()),
  'constant 0': filled(() => 0),
  'constant 3': filled(() => 3),
  'constant 20': filled(() => 20),
};

console.log(`${device.adapter.name}\n`);
console.log(
  '| latent | its range | scale | range of the result | values outside [−0.1, 1.1] | bound 0.25: range | values outside |',
);
console.log('| --- | ---: | --- | ---: | ---: | ---: | ---: |');
for (const [name, data] of Object.entries(inputs)) {
  for (const scale of [2, 4]) {
    const cells = [await result(data, scale, undefined), await result(data, scale, 0.25)];
    console.log(`| ${name} | ${range(data)} | ×${scale} | ${cells.join(' | ')} |`);
  }
}
device.destroy();

async function result(data: Float32Array, scale: number, bound: number | undefined): Promise<string> {
  using scope = openScope(device);
  const upscaled = await upscale(model, scope.tensor(data, shape), { scale, bound });
  const pixels = await decoder.decode(upscaled).readFloats();
  const outside = pixels.reduce((count, value) => count + Number(value < -0.1 || value > 1.1), 0);
  return `${range(await upscaled.readFloats())} | ${((100 * outside) / pixels.length).toFixed(2)} %`;
}

function range(data: Float32Array): string {
  const low = data.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = data.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return `${low.toFixed(1)} to ${high.toFixed(1)}`;
}

/** Normal values from a seed: a linear congruential generator through Box and Muller. */
function normals(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
