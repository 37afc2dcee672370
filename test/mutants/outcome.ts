import type { Ended } from './child.ts';

/** What became of a mutant. `timedOut` and a crash count as caught. */
export type Outcome =
  | { readonly kind: 'caught'; readonly why: string }
  | { readonly kind: 'survived' }
  | { readonly kind: 'not run'; readonly why: string };

/** Why a run that did not say so itself ended. */
export function reasonOf({ timedOut, output }: Ended): string {
  if (timedOut) return 'time limit';
  const lines = output.split('\n').filter((line) => /error|abort|fault|signal/i.test(line));
  return `ended: ${(lines[0] ?? output.trimEnd().split('\n').at(-1) ?? '').trim()}`;
}
