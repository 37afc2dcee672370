import { median } from '../median.ts';
import type { ContenderName } from './packages.ts';
import { problems } from './problems.ts';
import type { ContenderProcess } from './process.ts';
import { type Outcome, type Row, tolerated } from './table.ts';

/** Kinds of problem that have a hand-made kernel. */
const rawKinds: readonly string[] = ['matmul', 'conv', 'gelu', 'pixelShuffle', 'add'];

/**
 * One problem by everybody. All processes stay, idle while one works; ours and raw are measured before the peers and
 * after them, and the median is of both: the machine changes meanwhile.
 */
export async function compare(
  problem: number,
  processes: ReadonlyMap<ContenderName, ContenderProcess>,
  seconds: number,
): Promise<Row> {
  const { name, kind } = problems[problem] as (typeof problems)[number];
  const outcomes: Partial<Record<ContenderName, Outcome>> = {};
  const ours = processes.get('ours') as ContenderProcess;
  const { outputs: expected, model } = await ours.ask({ ask: 'results', problem });
  const others = [...processes.keys()].filter((each) => each !== 'ours');
  const order: ContenderName[] = [
    'ours',
    ...others,
    ...(others.includes('raw') ? ['raw' as const] : []),
    'ours',
  ];
  for (const contender of order) {
    const before = outcomes[contender];
    if (before !== undefined && before.kind !== 'timed') continue;
    if (contender === 'raw' && !rawKinds.includes(kind)) {
      outcomes.raw = { kind: 'absent' };
      continue;
    }
    const outcome = await once(processes.get(contender) as ContenderProcess, before === undefined);
    outcomes[contender] = before && outcome.kind === 'timed' ? joined(before, outcome) : outcome;
    process.stderr.write(`${name}, ${contender}: ${wordsFor(outcomes[contender] as Outcome)}\n`);
  }
  // In the order of the columns.
  const sorted = [...processes.keys()].map((each) => [each, outcomes[each]]);
  return { name, outcomes: Object.fromEntries(sorted) };

  async function once(contender: ContenderProcess, first: boolean): Promise<Outcome> {
    try {
      if (first && contender !== ours) {
        const difference = await contender.ask({ ask: 'difference', problem, expected, model });
        if (!(difference <= tolerated)) return { kind: 'wrong', difference };
      }
      const samples = await contender.ask({ ask: 'samples', problem, seconds });
      return { kind: 'timed', ms: median(samples), samples };
    } catch (error) {
      return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

function joined(a: Outcome & { kind: 'timed' }, b: Outcome & { kind: 'timed' }): Outcome {
  const samples = [...a.samples, ...b.samples];
  return { kind: 'timed', ms: median(samples), samples };
}

function wordsFor(outcome: Outcome): string {
  if (outcome.kind === 'timed') return `${outcome.ms.toFixed(2)} ms, ${outcome.samples.length} samples`;
  if (outcome.kind === 'wrong') return `wrong by ${outcome.difference}`;
  return outcome.kind === 'failed' ? outcome.reason : 'absent';
}
