import { expect, it } from 'vitest';
import { median } from '../median.ts';
import { bestPeerOverOurs, type Comparison, type Outcome, oursOverRaw, type Row, tableOf } from './table.ts';

const timed = (ms: number): Outcome => ({ kind: 'timed', ms, samples: [ms] });

it('takes the median of odd and even numbers of samples', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 30])).toBe(3);
});

it('compares with the fastest peer that computed the same', () => {
  const outcomes = {
    ours: timed(10),
    raw: timed(8),
    tfjs: { kind: 'wrong', difference: 0.5 },
    'jax-js': timed(40),
    onnxruntime: timed(25),
  } as const;
  const row: Row = { name: 'a', outcomes };
  expect(bestPeerOverOurs(row)).toBe(2.5);
  expect(oursOverRaw(row)).toBe(1.25);
  expect(bestPeerOverOurs({ name: 'alone', outcomes: { ours: timed(10), raw: timed(1) } })).toBeUndefined();
});

it('names everything that has no number, with the reason', () => {
  const comparison: Comparison = {
    adapter: { name: 'an adapter' } as Comparison['adapter'],
    date: '',
    titles: { ours: 'ours', raw: 'raw', tfjs: 'tfjs 1', onnxruntime: 'onnxruntime 2' },
    rows: [
      {
        name: 'add',
        outcomes: {
          ours: timed(1.234),
          raw: { kind: 'absent' },
          tfjs: { kind: 'wrong', difference: 0.25 },
          onnxruntime: { kind: 'failed', reason: 'no answer in 60 s' },
        },
      },
      { name: 'whole', outcomes: { ours: timed(1234.5), tfjs: timed(617.25) } },
    ],
  };
  expect(tableOf(comparison).split('\n')).toEqual([
    'an adapter, ms (medians)',
    '',
    '| problem | ours | raw | tfjs 1 | onnxruntime 2 | best peer / ours | ours / raw |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    '| add | 1.23 | – | wrong | cannot | – | – |',
    '| whole | 1235 | – | 617 | – | 0.50 | – |',
    '',
    '- tfjs, add: wrong, differs from ours by 0.25',
    '- onnxruntime, add: no answer in 60 s',
  ]);
});
