import { parseArgs } from 'node:util';
import { type Device, openDevice } from '@lua-webgpu/kernels';
import {
  AutoencoderKL,
  AutoencoderTiny,
  decodeTiled,
  encodeTiled,
  loadVae,
  profileOf,
  runRecomputed,
  runStored,
  type TilingOptions,
  type Vae,
} from '@lua-webgpu/lua-model';
import {
  backward,
  openScope,
  readTensorFile,
  type Scope,
  Tape,
  type Tensor,
  toFloat32,
} from '@lua-webgpu/tensor';
import { copyCeiling, multiplyAddCeiling } from './ceiling/index.ts';
import { type Measurement, measure } from './measure.ts';
import { vaeFlops } from './vae-flops.ts';

// A VAE: time per megapixel, tiles against the whole, and what a backward pass through the decoder takes.
//   npm run bench:vae -- --adapter lavapipe --vae PATH [--latent FILE] [--side 512] [--part tiles,…]
const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    /** As loadVae takes it; without, an untrained AutoencoderKL as wide as SDXL's, or a share of that. */
    vae: { type: 'string' },
    width: { type: 'string', default: '128' },
    /** A decoder-ready latent, whose corner is used; waves where there is none that fits. */
    latent: { type: 'string', default: 'examples/raccoon-512.safetensors' },
    side: { type: 'string', default: '512' },
    gradient: { type: 'string', default: '256' },
    parts: { type: 'string', default: 'whole,tiles,gradient' },
    repeat: { type: 'string', default: '1' },
  },
});

const device = await openDevice({
  adapter: values.adapter,
  onNotice: (line) => process.stderr.write(`${line}\n`),
});
const vae = values.vae ? await loadVae(device, values.vae) : untrained(device, Number(values.width));
const [copy, multiplyAdd] = (await measure(device, [copyCeiling, multiplyAddCeiling], 1)) as [
  Measurement,
  Measurement,
];
const parameters = [...vae.namedParameters()].reduce((sum, [, { tensor }]) => sum + tensor.size, 0);
console.log(
  `${device.adapter.name}: copy ${copy.gbytes.toFixed(1)} GB/s, multiply-add ${multiplyAdd.gflops.toFixed(1)} GFLOP/s`,
);
console.log(`${values.vae ?? 'untrained'}: ${vae.kind}, ${(parameters / 1e6).toFixed(1)} M parameters\n`);
function untrained(on: Device, width: number): Vae {
  const config = {
    latent_channels: 4,
    block_out_channels: [width, 2 * width, 4 * width, 4 * width],
    layers_per_block: 2,
    norm_num_groups: 32,
    mid_block_add_attention: true,
    use_quant_conv: true,
    use_post_quant_conv: true,
  };
  const network = new AutoencoderKL(config, profileOf('sdxl'));
  network.initialize(on, 1);
  network.freeze();
  return network;
}

/** [1, C, side / stride, side / stride] */
async function latentOf(scope: Scope, side: number): Promise<Tensor> {
  const file = (await readTensorFile(values.latent)).tensors.get('latent');
  const size = side / vae.stride;
  const [, channels = 0, height = 0, width = 0] = file?.shape ?? [];
  const fits = file && channels === vae.profile.channels && height >= size && width >= size;
  const from = fits ? toFloat32(file) : undefined;
  const data = Float32Array.from({ length: vae.profile.channels * size * size }, (_, i) => {
    const [x, y, c] = [i % size, Math.floor(i / size) % size, Math.floor(i / size / size)];
    return (
      from?.[(c * height + y) * width + x] ?? Math.sin(0.3 * x + c) * Math.cos(0.2 * y) + 0.2 * Math.sin(i)
    );
  });
  if (!fits)
    process.stderr.write(`${values.latent} is no latent of this VAE that large: waves in its place\n`);
  return scope.tensor(data, [1, vae.profile.channels, size, size]);
}

/** The best time in seconds of some runs after a first one, and the most memory that one held beside what was there. */
async function timed(run: () => Promise<void>): Promise<{ seconds: number; peak: number }> {
  await run();
  await device.synchronize();
  device.resetPeakMemory();
  const before = device.memory().inUse;
  let seconds = Number.POSITIVE_INFINITY;
  for (let i = 0; i < Number(values.repeat); i++) {
    const began = performance.now();
    await run();
    await device.synchronize();
    seconds = Math.min(seconds, (performance.now() - began) / 1e3);
  }
  return { seconds, peak: device.memory().peak - before };
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

async function whole(): Promise<void> {
  const side = Number(values.side);
  using scope = openScope(device);
  const latent = await latentOf(scope, side);
  const image = vae.decode(latent);
  console.log(`| whole, ${side}² | s | s per megapixel | GFLOP/s | of the ceiling | peak |`);
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const [part, run] of [
    ['encode', () => vae.encode(image)],
    ['decode', () => vae.decode(latent)],
  ] as const) {
    const { seconds, peak } = await timed(async () => run().dispose());
    const gflops = vaeFlops(vae, part, side) / seconds / 1e9;
    const cells = [
      part,
      seconds.toFixed(2),
      (seconds / (side * side * 1e-6)).toFixed(2),
      gflops.toFixed(1),
      (gflops / multiplyAdd.gflops).toFixed(2),
      mebibytes(peak),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  console.log();
}

async function tiles(): Promise<void> {
  const side = Number(values.side);
  using scope = openScope(device);
  const latent = await latentOf(scope, side);
  const image = vae.decode(latent);
  for (const [part, x, run] of [
    ['encode', image, (options: TilingOptions) => encodeTiled(vae, image, options)],
    ['decode', latent, (options: TilingOptions) => decodeTiled(vae, latent, options)],
  ] as const) {
    const expected = part === 'decode' ? image : vae.encode(x);
    const target = await expected.readFloats();
    console.log(`| ${part} in tiles, ${side}² | s | peak | PSNR to the whole | largest difference |`);
    console.log('| --- | ---: | ---: | ---: | ---: |');
    const plain = await timed(async () => (await run({ tile: side })).dispose());
    console.log(`| whole | ${plain.seconds.toFixed(2)} | ${mebibytes(plain.peak)} | | |`);
    for (const options of tilings(side / vae.stride)) {
      let found = new Float32Array();
      const { seconds, peak } = await timed(async () => {
        const result = await run(options);
        found = (await result.readFloats()) as Float32Array<ArrayBuffer>;
        result.dispose();
      });
      const { decibels, largest } = compare(found, target);
      const name = Object.entries(options).map(([key, value]) => `${key} ${value}`);
      const cells = [
        name.join(', '),
        seconds.toFixed(2),
        mebibytes(peak),
        `${decibels.toFixed(1)} dB`,
        largest.toExponential(1),
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
    console.log();
  }
}

function tilings(size: number): TilingOptions[] {
  if (vae instanceof AutoencoderTiny) {
    const tile = size / 2;
    return [2, 4, 8, 12, 16, 24, 38]
      .filter((overlap) => overlap < size)
      .map((overlap) => ({ tile, overlap }));
  }
  return [2, 4, 8].flatMap((parts) => {
    const tile = Math.ceil(size / parts);
    return [{ tile }, { tile, memoryBudget: 1 }];
  });
}

/** Of values whose range is that of the target. */
function compare(found: Float32Array, target: Float32Array): { decibels: number; largest: number } {
  let [squares, largest, lowest, highest] = [0, 0, Infinity, -Infinity];
  target.forEach((value, i) => {
    const difference = Math.abs((found[i] as number) - value);
    squares += difference ** 2;
    largest = Math.max(largest, difference);
    [lowest, highest] = [Math.min(lowest, value), Math.max(highest, value)];
  });
  return { decibels: 10 * Math.log10(((highest - lowest) ** 2 * target.length) / squares), largest };
}

async function gradient(): Promise<void> {
  const side = Number(values.gradient);
  using scope = openScope(device);
  const latent = await latentOf(scope, side);
  const seed = scope.tensor(new Float32Array(3 * side * side).fill(1), [1, 3, side, side]);
  console.log(`| decode and backward, ${side}² | gradients | s | peak |`);
  console.log('| --- | ---: | ---: | ---: |');
  for (const [name, frozen, block] of [
    ['frozen, blocks recomputed', true, runRecomputed],
    ['frozen, everything stored', true, runStored],
    ['trained, blocks recomputed', false, runRecomputed],
  ] as const) {
    if (frozen) vae.freeze();
    else vae.unfreeze();
    let count = 0;
    const { seconds, peak } = await timed(async () => {
      using inner = scope.child();
      using tape = new Tape();
      const image = vae.decode(tape.watch(inner.borrow(latent)), block);
      using gradients = backward(image, { gradient: seed });
      count = gradients.size;
      await device.synchronize();
    });
    console.log(`| ${name} | ${count} | ${seconds.toFixed(2)} | ${mebibytes(peak)} |`);
  }
  vae.freeze();
}

const parts = values.parts.split(',');
if (parts.includes('whole')) await whole();
if (parts.includes('tiles')) await tiles();
if (parts.includes('gradient')) await gradient();
device.destroy();
