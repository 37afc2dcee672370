import { expect, it } from 'vitest';
import { channelsFirst, channelsLast, cropped, padded, relativeDifference, transposed } from './layout.ts';
import { noise, positionBias } from './problems.ts';

const counted = (count: number) => Float32Array.from({ length: count }, (_, i) => i);

it('transposes as numpy does', () => {
  expect([...transposed(counted(6), [2, 3], [1, 0])]).toEqual([0, 3, 1, 4, 2, 5]);
  const data = counted(24);
  const turned = transposed(data, [2, 3, 4], [2, 0, 1]);
  // turned[c][a][b] = data[a][b][c]
  expect(turned[3 * 6 + 1 * 3 + 2]).toBe(data[1 * 12 + 2 * 4 + 3]);
  expect(transposed(turned, [4, 2, 3], [1, 2, 0])).toEqual(data);
});

it('goes to channels-first and back', () => {
  const image = counted(2 * 2 * 3);
  expect([...channelsFirst(image, 2, 3)]).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
  expect(channelsLast(channelsFirst(image, 2, 3), 2, 3)).toEqual(image);
});

it('pads rows with zeros and crops them again', () => {
  expect([...padded(counted(4), 2, 3)]).toEqual([0, 1, 0, 2, 3, 0]);
  expect(cropped(padded(counted(4), 2, 3), 3, 2)).toEqual(counted(4));
});

it('lets neither NaN nor another length pass for equal', () => {
  expect(relativeDifference([1, 2, 4], [1, 2, 4])).toBe(0);
  expect(relativeDifference([1, 2.5, 4], [1, 2, 4])).toBe(0.125);
  expect(relativeDifference([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY);
  expect(relativeDifference([1], [1, 1])).toBe(Number.POSITIVE_INFINITY);
  expect(relativeDifference([1, 1], [0, 0])).toBe(Number.POSITIVE_INFINITY);
});

it('makes the same even noise every time', () => {
  const values = noise(1, 10_000);
  expect(values).toEqual(noise(1, 10_000));
  expect(values.every((value) => Math.abs(value) <= 1)).toBe(true);
  const mean = (of: Float32Array) => of.reduce((sum, value) => sum + value, 0) / of.length;
  expect(Math.abs(mean(values))).toBeLessThan(0.02);
  expect(Math.abs(mean(values.map((value) => value ** 2)) - 1 / 3)).toBeLessThan(0.02);
  const other = noise(2, 10_000);
  expect(Math.abs(mean(values.map((value, i) => value * (other[i] as number))))).toBeLessThan(0.02);
});

it('spreads the table of the position bias by relative position', () => {
  const table = counted(9 * 2);
  const bias = positionBias({ across: 1, window: 2, heads: 2, dim: 1 }, table);
  // A token on itself is the table's middle row; token 0 on token 3 lies one up and one left.
  expect([bias[0], bias[5], bias[16]]).toEqual([8, 8, 9]);
  expect(bias[3]).toBe(0);
  expect(bias[12]).toBe(16);
});
