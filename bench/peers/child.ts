/** The process of one contender: node child.ts NAME FOLDER [ADAPTER]. Answers what `process.ts` asks. */
import type { Contender, Open, Prepared } from './contender.ts';
import { relativeDifference } from './layout.ts';
import type { ContenderName } from './packages.ts';
import { problems } from './problems.ts';
import type { Answers, Reply, Request } from './protocol.ts';

const modules: Readonly<Record<ContenderName, () => Promise<{ open: Open }>>> = {
  ours: () => import('./ours.ts'),
  raw: () => import('./raw/index.ts'),
  tfjs: () => import('./tfjs.ts'),
  'jax-js': () => import('./jax/index.ts'),
  onnxruntime: () => import('./onnxruntime.ts'),
};

const [name, folder, adapter] = process.argv.slice(2) as [ContenderName, string, string | undefined];
let contender: Contender | undefined;
let current: { readonly problem: number; readonly prepared: Prepared } | undefined;

async function prepare(problem: number, model?: Uint8Array): Promise<Prepared> {
  if (current?.problem === problem) return current.prepared;
  current?.prepared.dispose();
  current = undefined;
  const entry = problems[problem];
  if (!contender || !entry) throw new Error(`${name} is not open, or there is no problem ${problem}`);
  const prepared = await contender.prepare(entry, model);
  current = { problem, prepared };
  return prepared;
}

/** At least five, or two and what fits ten seconds, after a second of runs that compile and fill caches. */
async function sample(prepared: Prepared, seconds: number): Promise<number[]> {
  const samples: number[] = [];
  const warm = performance.now() + 1e3;
  for (let i = 0; i < 3 && performance.now() < warm; i++) await prepared.run();
  const start = performance.now();
  const since = () => performance.now() - start;
  while (samples.length < 2 || (samples.length < 5 && since() < 1e4) || since() < 1e3 * seconds) {
    const begin = performance.now();
    await prepared.run();
    samples.push(performance.now() - begin);
  }
  return samples;
}

async function answer(request: Request): Promise<Answers[keyof Answers]> {
  switch (request.ask) {
    case 'open':
      contender = await (await modules[name]()).open({ adapter, folder });
      return null;
    case 'results': {
      const prepared = await prepare(request.problem);
      // Before the steps of `read`, which train it.
      const model = await prepared.model?.();
      return { outputs: await prepared.read(), model };
    }
    case 'difference': {
      const found = await (await prepare(request.problem, request.model)).read();
      if (found.length !== request.expected.length) return Number.POSITIVE_INFINITY;
      return Math.max(
        ...request.expected.map((each, i) => relativeDifference(found[i] as Float32Array, each)),
      );
    }
    case 'samples':
      return sample(await prepare(request.problem), request.seconds);
  }
}

const send = (reply: Reply) => void process.send?.(reply);

process.on('message', (request: Request) => {
  answer(request).then(
    (result) => send({ answer: result }),
    (error: unknown) => send({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit());
