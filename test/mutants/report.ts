import { reasonFor } from './equivalent.ts';
import { describeMutation } from './mutation.ts';
import type { Outcome } from './outcome.ts';
import type { Mutant } from './run.ts';
import { readSource } from './sources.ts';

const describe = ({ target }: Mutant): string => describeMutation(readSource(target.file), target);

export function progressOf(mutant: Mutant): string {
  const { outcome } = mutant;
  const why = outcome && 'why' in outcome ? `: ${outcome.why}` : '';
  return `${outcome?.kind}${why}\n    ${describe(mutant)}`;
}

export interface Summary {
  /** Of all mutants, those that did not run and those that nothing can catch included. */
  readonly percentCaught: number;
  readonly text: string;
}

export function summarise(mutants: readonly Mutant[]): Summary {
  const of = (kind: Outcome['kind']) => mutants.filter(({ outcome }) => outcome?.kind === kind);
  const caught = of('caught');
  const by = (pattern: RegExp) =>
    caught.filter(({ outcome }) => outcome?.kind === 'caught' && pattern.test(outcome.why)).length;
  const survivors = of('survived').map((mutant) => ({
    mutant,
    reason: reasonFor(readSource(mutant.target.file), mutant.target),
  }));
  const listed = survivors.map(
    ({ mutant, reason }) =>
      `survived: ${describe(mutant)}\n    ${reason ? `nothing can catch it: ${reason}` : 'no reason is known'}`,
  );
  const equivalents = survivors.filter(({ reason }) => reason !== undefined).length;
  const notRun = of('not run').map(progressOf);
  const percentCaught = (100 * caught.length) / mutants.length;
  const figures =
    `${caught.length} of ${mutants.length} caught (${percentCaught.toFixed(1)} %), of which ` +
    `${by(/\.wgsl:\d+: /)} did not compile and ${by(/^time limit/)} ran past their time; ` +
    `${equivalents} of the others change no result`;
  return { percentCaught, text: ['', ...listed, ...notRun, '', figures].join('\n') };
}
