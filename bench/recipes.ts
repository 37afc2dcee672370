import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * Recipes beside one another: each is trained and evaluated for each seed, and the validations on the way are laid beside
 * each other, step by step.
 *
 *     npm run bench:recipes -- tiny-cpu tiny-cpu-latent-l1 --seeds 0,1,2 --data FOLDER --validation FOLDER --vae PATH \
 *       --photos FOLDER --out FOLDER [--scales 2,4]
 *
 * A recipe is the path of a file in recipes/ without its `.yaml`. Every run becomes a folder of --out; one that is done is
 * not repeated. docs/training.md has how data are prepared, what was compared, and how long it took.
 */
const { values, positionals: recipes } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    validation: { type: 'string' },
    vae: { type: 'string' },
    photos: { type: 'string' },
    out: { type: 'string' },
    seeds: { type: 'string', default: '0' },
    scales: { type: 'string', default: '2' },
  },
});
const data = path('data');
const validation = path('validation');
const vae = path('vae');
const photos = path('photos');
const out = path('out');
const scales = values.scales.split(',');
const cli = new URL('../packages/cli/dist/main.js', import.meta.url).pathname;

interface Validated {
  readonly type: string;
  readonly step: number;
  readonly psnr: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

interface Run {
  readonly name: string;
  readonly folder: string;
}

const runs = recipes.flatMap((recipe) => values.seeds.split(',').map((seed) => trained(recipe, seed)));
printRows(
  ['run', 'steps', 'minutes', ...scales.map((scale) => `×${scale}, dB`)],
  runs.map(({ name, folder }) => {
    const { step, seconds } = JSON.parse(run('report', folder, '--json'));
    return [name, step, (seconds / 60).toFixed(1), ...scales.map((scale) => evaluated(folder, scale))];
  }),
);
for (const scale of scales) {
  console.log(`\nPSNR of ×${scale} on the validation crops, dB:\n`);
  const curves = runs.map(({ folder }) => new Map(validations(folder).map(({ step, psnr }) => [step, psnr])));
  const steps = [...new Set(curves.flatMap((curve) => [...curve.keys()]))].sort((a, b) => a - b);
  printRows(
    ['step', ...runs.map(({ name }) => name)],
    steps.map((step) => [
      step,
      ...curves.map((curve) => curve.get(step)?.[`x${scale}`]?.lua?.toFixed(2) ?? ''),
    ]),
  );
}

function path(name: 'data' | 'validation' | 'vae' | 'photos' | 'out'): string {
  const value = values[name];
  if (value === undefined) throw new Error(`bench:recipes needs --${name}`);
  return resolve(value);
}

function run(...args: string[]): string {
  return execFileSync(process.execPath, [cli, ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 });
}

function trained(recipe: string, seed: string): Run {
  const name = `${recipe.replaceAll('/', '-')}-${seed}`;
  const folder = join(out, name);
  const sets = [`seed=${seed}`, `vae.path=${vae}`, `data.train=${data}`, `data.validation=${validation}`];
  const config = new URL(`../recipes/${recipe}.yaml`, import.meta.url).pathname;
  if (!isDone(folder)) {
    run('train', config, '--out', folder, ...sets.flatMap((set) => ['--set', set]), '--json');
  }
  return { name, folder };
}

/** PSNR beside the originals, mean over the photographs' centres. */
function evaluated(folder: string, scale: string): string {
  const newest = readdirSync(join(folder, 'checkpoints'))
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .at(-1) as string;
  const weights = join(folder, 'checkpoints', newest, 'ema.safetensors');
  const judge = ['--vae', vae, '--photos', photos, '--scale', scale, '--crop', '256'];
  return JSON.parse(run('eval', '--weights', weights, ...judge, '--json')).ways.lua.original.psnr.toFixed(2);
}

function validations(folder: string): Validated[] {
  return lines<Validated>(folder).filter(({ type }) => type === 'validation');
}

function isDone(folder: string): boolean {
  try {
    return lines<{ reason?: string }>(folder).at(-1)?.reason === 'done';
  } catch {
    return false;
  }
}

function lines<Line>(folder: string): Line[] {
  const text = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd();
  return text.split('\n').map((line) => JSON.parse(line));
}

function printRows(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  console.log(`| ${head.join(' | ')} |\n|${' ---: |'.repeat(head.length)}`);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}
