import { closest } from '@lua-webgpu/lua-model';
import type { Tensor } from '@lua-webgpu/tensor';
import { LossError } from './errors.ts';
import {
  type LossContext,
  type LossName,
  type LossOptions,
  type LossTerm,
  lossNames,
  lossTerms,
} from './terms.ts';

/** An objective as data: to each term its weight, or its weight and its options. */
export type ObjectiveConfig = {
  readonly [N in LossName]?: number | (LossOptions[N] & { readonly weight: number });
};

/** A term of an objective, its options bound. */
export interface WeightedTerm {
  readonly name: LossName;
  readonly weight: number;
  /** Those that were given; the others have the defaults of the loss. */
  readonly options: object;
  loss(prediction: Tensor, target: Tensor, context: LossContext): Tensor;
}

/** The checked terms of an objective, in the order in which they are written. @throws LossError */
export function parseObjective(config: ObjectiveConfig): WeightedTerm[] {
  const terms = Object.entries(config).map(([name, given]) => {
    if (!isLossName(name)) throw unknown('loss-unknown', `there is no loss`, name, lossNames);
    return parseTerm(name, lossTerms[name], given);
  });
  if (terms.length > 0) return terms;
  throw new LossError('loss-empty', 'an objective of no terms', `Name one of ${lossNames.join(', ')}.`);
}

const isLossName = (name: string): name is LossName => Object.hasOwn(lossTerms, name);

function parseTerm<O extends object>(name: LossName, term: LossTerm<O>, given: unknown): WeightedTerm {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  const { weight, ...options } = isObject ? (given as Record<string, unknown>) : { weight: given };
  if (typeof weight !== 'number' || !(weight > 0 && weight < Number.POSITIVE_INFINITY)) {
    throw new LossError(
      'loss-weight',
      `${name}: a weight of ${weight}`,
      'Pass a number above 0; leave the term out to do without it.',
    );
  }
  const rules = Object.entries(term.options) as [string, LossTerm<O>['options'][keyof O]][];
  for (const [option, value] of Object.entries(options)) {
    const rule = rules.find(([key]) => key === option)?.[1];
    const known = ['weight', ...rules.map(([key]) => key)];
    if (!rule) throw unknown('loss-option', `${name} has no option`, option, known);
    if (!rule.accepts(value)) {
      const shown = typeof value === 'number' ? String(value) : JSON.stringify(value);
      const message = `${name}: ${option} is ${shown}`;
      throw new LossError('loss-option', message, `Make it ${rule.expected}.`);
    }
  }
  const bound = options as O;
  return { name, weight, options, loss: (p, t, context) => term.loss(p, t, bound, context) };
}

function unknown(code: string, what: string, name: string, known: readonly string[]): LossError {
  const guess = closest(name, known);
  return new LossError(
    code,
    `${what} ${JSON.stringify(name)}`,
    `${guess === undefined ? '' : `Did you mean ${guess}? `}There are ${known.join(', ')}.`,
  );
}
