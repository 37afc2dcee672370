import { type Ended, runNode } from './child.ts';
import { type Outcome, reasonOf } from './outcome.ts';
import type { OpUnit, Plan } from './plan.ts';

/** How long each unit took on each adapter without a mutation, in ms. */
export type UnitTimes = Map<string, number>;

/** Enough to start Node and a device on a machine that others use as well. */
const start = 60_000;
/** What a unit may take: nobody waits long for a loop without an end, and a busy machine does not catch mutants. */
const limitOf = (usual: number) => 20_000 + 5 * usual;

export const unitKey = (adapter: string, { check, op, force }: OpUnit): string =>
  `${adapter} ${check} ${op} ${JSON.stringify(force)}`;

interface Report {
  readonly ended: Ended;
  readonly passed: number;
  readonly why: string | undefined;
}

async function runUnits(
  tree: string,
  adapter: string,
  units: readonly OpUnit[],
  limit: (unit: OpUnit | undefined) => number,
  onPassed: (unit: OpUnit, ms: number) => void = () => undefined,
): Promise<Report> {
  let passed = 0;
  let why: string | undefined;
  const child = ['--import', 'tsx', '--conditions=@lua-webgpu/source', 'test/mutants/check-ops.ts'];
  const parameters = [...child, JSON.stringify({ adapter, units })];
  const ended = await runNode(tree, parameters, {}, start + limit(units[0]), (line) => {
    if (!line.startsWith('{"')) return undefined;
    const report = JSON.parse(line) as { passed?: number; ms?: number; why?: string };
    why = report.why?.split('\n')[0];
    if (report.passed === undefined) return undefined;
    passed += 1;
    onPassed(units[report.passed] as OpUnit, report.ms ?? 0);
    return limit(units[report.passed + 1]);
  });
  return { ended, passed, why };
}

/**
 * Runs units on the unmutated tree.
 * @throws Error when one of them fails
 */
export async function measureUnits(
  tree: string,
  adapter: string,
  units: readonly OpUnit[],
  times: UnitTimes,
): Promise<void> {
  const { ended, passed, why } = await runUnits(
    tree,
    adapter,
    units,
    () => 300_000,
    (unit, ms) => times.set(unitKey(adapter, unit), ms),
  );
  if (ended.code === 0 && passed === units.length) return;
  const unit = units[passed];
  throw new Error(
    `without a mutation, ${unit ? unitKey(adapter, unit) : adapter} fails: ${why ?? reasonOf(ended)}\n${ended.output}`,
  );
}

/** Runs a plan's units on a mutated tree, the quickest first. */
export async function tryUnits(tree: string, { adapters, units }: Plan, times: UnitTimes): Promise<Outcome> {
  for (const adapter of adapters) {
    const usual = (unit: OpUnit | undefined) => (unit && times.get(unitKey(adapter, unit))) ?? 0;
    const ordered = units.toSorted((a, b) => usual(a) - usual(b));
    if (ordered.length === 0) continue;
    const { ended, passed, why } = await runUnits(tree, adapter, ordered, (unit) => limitOf(usual(unit)));
    if (ended.code === 0 && passed === ordered.length) continue;
    return {
      kind: 'caught',
      why: why ?? `${reasonOf(ended)}, ${unitKey(adapter, ordered[passed] ?? (ordered.at(-1) as OpUnit))}`,
    };
  }
  return { kind: 'survived' };
}
