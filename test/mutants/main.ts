/**
 * Replaces single tokens of shaders and vjps, one at a time, and asks whether the tests notice:
 * `npm run test:mutants -- [--seed 1] [--count 200] [--filter conv2d] [--workers 2]`. See docs/mutants.md.
 */
import { parseArgs } from 'node:util';
import { listAdapters, openDevice } from '@lua-webgpu/kernels';
import { endAll } from './child.ts';
import { placeOf } from './mutation.ts';
import { type Adapters, planOf } from './plan.ts';
import { progressOf, summarise } from './report.ts';
import { type Mutant, runMutants } from './run.ts';
import { sampleOf } from './sample.ts';
import { allMutations, readSource, type Target } from './sources.ts';
import { Tree } from './tree.ts';

/** Per cent of the sample that have to be caught, those that nothing can catch included. */
const demanded = 95;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      count: { type: 'string', default: '200' },
      workers: { type: 'string', default: '2' },
      filter: { type: 'string', default: '' },
    },
  });
  const began = performance.now();
  const say = (line: string) =>
    console.log(`[${((performance.now() - began) / 60_000).toFixed(1)} min] ${line}`);

  const all = allMutations().filter((target) => place(target).includes(values.filter));
  const adapters = await installedAdapters();
  const mutants: Mutant[] = [];
  for (const target of sampleOf(all, Number(values.count), Number(values.seed))) {
    mutants.push({ target, plan: await planOf(target, adapters) });
  }
  say(
    `${mutants.length} of ${all.length} mutations, seed ${values.seed}, ${[...adapters.keys()].join(', ')}`,
  );

  const trees = Array.from({ length: Number(values.workers) }, () => new Tree());
  const clear = () => {
    endAll();
    for (const tree of trees) tree.remove();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clear();
      process.exit(130);
    });
  }
  let done = 0;
  const decided = (mutant: Mutant) => {
    done += 1;
    say(`${done}/${mutants.length} ${progressOf(mutant)}`);
  };
  try {
    await runMutants(mutants, trees, { say, decided });
  } finally {
    clear();
  }
  const { percentCaught, text } = summarise(mutants);
  console.log(text);
  say(`seed ${values.seed}; ${demanded} % are demanded`);
  if (percentCaught < demanded) process.exitCode = 1;
}

/** `file:line:column`, for --filter. */
function place({ file, ...edit }: Target): string {
  const { line, column } = placeOf(readSource(file), edit);
  return `${file}:${line}:${column}`;
}

/** What the adapters of the tests can do, the default of the tests first. */
async function installedAdapters(): Promise<Adapters> {
  const listed = await listAdapters();
  const labels = ['swiftshader', ...(listed.some(({ name }) => /llvmpipe/i.test(name)) ? ['lavapipe'] : [])];
  const found = new Map();
  for (const adapter of labels) {
    using device = await openDevice({ adapter });
    found.set(adapter, device.capabilities);
  }
  return found;
}

await main();
