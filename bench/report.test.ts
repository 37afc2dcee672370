import { expect, it } from 'vitest';
import type { Measurement } from './measure.ts';
import { type Report, shareOfCeiling, slowdowns, tableOf } from './report.ts';

const row = (name: string, gflops: number, gbytes: number): Measurement => ({
  name,
  ms: 1,
  spread: 2,
  gflops,
  gbytes,
});
const report = (copy: number, multiplyAdd: number, rows: readonly Measurement[]): Report => ({
  adapter: { name: 'an adapter' } as Report['adapter'],
  date: '',
  ceilings: [row('copy', 0, copy), row('multiply-add', multiplyAdd, 0)],
  rows,
});

it('compares shares of each run’s own ceiling, and flags what lost more than a tenth', () => {
  const before = report(10, 40, [row('a', 20, 1), row('b', 1, 8), row('c', 30, 0), row('gone', 1, 1)]);
  // On a machine half as fast a and b are what they were; c has lost a fifth of its share.
  const now = report(5, 20, [row('a', 9.2, 0.5), row('b', 0.5, 4), row('c', 12, 0), row('new', 1, 1)]);
  expect(shareOfCeiling(now.rows[1] as Measurement, now.ceilings)).toBeCloseTo(0.8, 12);
  const found = slowdowns(before, now);
  expect(found.map(({ name }) => name)).toEqual(['c']);
  expect(found[0]?.before).toBeCloseTo(0.75, 12);
  expect(found[0]?.now).toBeCloseTo(0.6, 12);
  expect(tableOf(now).split('\n')).toContain('| c | 1.000 | 2.0 | 12.00 | 0.00 | 0.60 |');
});
