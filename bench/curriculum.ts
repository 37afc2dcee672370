import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * What the three stages are worth beside the latent L1 loss alone: both recipes for CPUs, trained and evaluated for each
 * seed. `npm run bench:curriculum -- --data FOLDER --validation FOLDER --vae PATH --photos FOLDER --out FOLDER [--seeds 0,1,2]`
 * (docs/training.md has how the data were prepared). A run that is there is not repeated. Takes 25 minutes a seed on two cores.
 */
const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    validation: { type: 'string' },
    vae: { type: 'string' },
    photos: { type: 'string' },
    out: { type: 'string' },
    seeds: { type: 'string', default: '0,1,2' },
  },
});
const given = (name: 'data' | 'validation' | 'vae' | 'photos' | 'out'): string => {
  const value = values[name];
  if (value === undefined) throw new Error(`bench:curriculum needs --${name}`);
  return resolve(value);
};
const [data, validation, vae, photos, out] = (['data', 'validation', 'vae', 'photos', 'out'] as const).map(
  given,
) as [string, string, string, string, string];
const cli = new URL('../packages/cli/dist/main.js', import.meta.url).pathname;
const run = (...args: string[]) =>
  execFileSync(process.execPath, [cli, ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 });

console.log('| seed | three stages | minutes | latent L1 alone | minutes | difference |');
console.log('| ---: | ---: | ---: | ---: | ---: | ---: |');
for (const seed of values.seeds.split(',')) {
  const [stages, l1] = ['tiny-cpu', 'tiny-cpu-latent-l1'].map((recipe) => trained(recipe, seed)) as [
    Trained,
    Trained,
  ];
  const cells = [stages, l1].flatMap(({ psnr, minutes }) => [`${psnr.toFixed(2)} dB`, minutes.toFixed(1)]);
  console.log(`| ${seed} | ${cells.join(' | ')} | ${(stages.psnr - l1.psnr).toFixed(2)} |`);
}

interface Trained {
  /** Of ×2 beside the original, dB. */
  readonly psnr: number;
  /** That the steps took, the machine as it was. */
  readonly minutes: number;
}

function trained(recipe: string, seed: string): Trained {
  const folder = join(out, `${recipe}-${seed}`);
  const sets = [`seed=${seed}`, `vae.path=${vae}`, `data.train=${data}`, `data.validation=${validation}`];
  const config = new URL(`../recipes/${recipe}.yaml`, import.meta.url).pathname;
  if (!isDone(folder))
    run('train', config, '--out', folder, ...sets.flatMap((set) => ['--set', set]), '--json');
  const newest = readdirSync(join(folder, 'checkpoints'))
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .at(-1) as string;
  const weights = join(folder, 'checkpoints', newest, 'ema.safetensors');
  const common = ['--vae', vae, '--photos', photos, '--scale', '2', '--crop', '256', '--json'];
  const { ways } = JSON.parse(run('eval', '--weights', weights, ...common));
  const { seconds } = JSON.parse(run('report', folder, '--json'));
  return { psnr: ways.lua.original.psnr, minutes: seconds / 60 };
}

function isDone(folder: string): boolean {
  try {
    const last = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1);
    return JSON.parse(last ?? '{}').reason === 'done';
  } catch {
    return false;
  }
}
