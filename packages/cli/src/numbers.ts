import type { Parsed } from './arguments.ts';
import { UsageError } from './errors.ts';

/** What the numbers of a list have to be. */
export interface NumberRule {
  readonly fits: (value: number) => boolean;
  /** Completes 'It is …'. */
  readonly expected: string;
}

export const aboveZero: NumberRule = {
  fits: (value) => Number.isFinite(value) && value > 0,
  expected: 'numbers above 0 with commas between them',
};

export const wholeNumbers: NumberRule = {
  fits: (value) => Number.isSafeInteger(value) && value >= 0,
  expected: 'whole numbers with commas between them',
};

/** `1,0.5` as [1, 0.5]; undefined where the option was not given. @throws UsageError `usage-value` */
export function numbersOf(parsed: Parsed, option: string, rule: NumberRule): number[] | undefined {
  const text = parsed.text(option);
  if (text === undefined) return undefined;
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (values.every(rule.fits)) return values;
  throw new UsageError('usage-value', `--${option} is ${JSON.stringify(text)}`, `It is ${rule.expected}.`);
}

/** A number from 0 up; undefined where the option was not given. @throws UsageError `usage-value` */
export function fromZeroUp(parsed: Parsed, option: string): number | undefined {
  const text = parsed.text(option);
  if (text === undefined) return undefined;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new UsageError('usage-value', `--${option} is ${JSON.stringify(text)}`, 'It is a number from 0 up.');
}
