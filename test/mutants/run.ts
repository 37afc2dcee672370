import { measureFiles, testFilesOf, tryFiles } from './file-runs.ts';
import { measureUnits, tryUnits, unitKey } from './op-runs.ts';
import type { Outcome } from './outcome.ts';
import type { OpUnit, Plan } from './plan.ts';
import type { Target } from './sources.ts';
import type { Tree } from './tree.ts';

export interface Mutant {
  readonly target: Target;
  readonly plan: Plan;
  outcome?: Outcome;
}

/** Is told about steps, and about each mutant when its outcome is there. */
export interface Progress {
  say(line: string): void;
  decided(mutant: Mutant): void;
}

/**
 * Decides the outcome of every mutant: first by the checks of ops, in one process per mutant, then by the test files
 * for those that are left. Everything is run without a mutation before.
 * @throws Error when something fails without a mutation
 */
export async function runMutants(
  mutants: readonly Mutant[],
  trees: readonly Tree[],
  { say, decided }: Progress,
): Promise<void> {
  const undecided = () => mutants.filter(({ outcome }) => outcome === undefined);
  const decide = (mutant: Mutant, outcome: Outcome) => {
    mutant.outcome = outcome;
    decided(mutant);
  };
  for (const mutant of mutants) {
    if (mutant.plan.adapters.length === 0)
      decide(mutant, { kind: 'not run', why: 'no adapter here can compile it' });
  }

  const unitTimes = new Map<string, number>();
  const batches = batchesOf(undecided(), trees.length);
  say(`without a mutation: ${batches.reduce((sum, { units }) => sum + units.length, 0)} checks of ops`);
  await inTrees(trees, batches, ({ path }, { adapter, units }) =>
    measureUnits(path, adapter, units, unitTimes),
  );
  say('with one each');
  await inTrees(trees, undecided(), async (tree, mutant) => {
    const outcome = await mutated(tree, mutant, () => tryUnits(tree.path, mutant.plan, unitTimes));
    if (outcome.kind !== 'survived') decide(mutant, outcome);
  });

  const left = undecided();
  const files = [...new Set(left.flatMap(({ plan }) => testFilesOf(plan)))];
  const [first] = trees;
  if (files.length === 0 || !first) return;
  say(`${left.length} mutants are left to ${files.length} test files; these without a mutation`);
  const fileTimes = new Map<string, number>();
  const adapters = [...new Set(left.flatMap(({ plan }) => plan.adapters))];
  await measureFiles(first.path, files, adapters, fileTimes);
  say('with one each');
  await inTrees(trees, left, async (tree, mutant) => {
    const { target, plan } = mutant;
    decide(mutant, await mutated(tree, mutant, () => tryFiles(tree.path, target.file, plan, fileTimes)));
  });
}

/** Hands the items to the trees as these get free. */
async function inTrees<T>(
  trees: readonly Tree[],
  items: readonly T[],
  work: (tree: Tree, item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  await Promise.all(
    trees.map(async (tree) => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(tree, item);
    }),
  );
}

async function mutated<T>(tree: Tree, { target }: Mutant, work: () => Promise<T>): Promise<T> {
  tree.write(target);
  try {
    return await work();
  } finally {
    tree.restore(target);
  }
}

/** All units that any mutant has to pass, once per adapter, in as many parts as can run at once. */
function batchesOf(mutants: readonly Mutant[], parts: number): { adapter: string; units: OpUnit[] }[] {
  const units = new Map<string, { adapter: string; unit: OpUnit }>();
  for (const { plan } of mutants) {
    for (const adapter of plan.adapters) {
      for (const unit of plan.units) units.set(unitKey(adapter, unit), { adapter, unit });
    }
  }
  const adapters = [...new Set([...units.values()].map(({ adapter }) => adapter))];
  return adapters.flatMap((adapter) => {
    const own = [...units.values()].flatMap((each) => (each.adapter === adapter ? [each.unit] : []));
    return Array.from({ length: Math.min(parts, own.length) }, (_, part) => ({
      adapter,
      units: own.filter((_unit, i) => i % parts === part),
    }));
  });
}
