import assert from 'node:assert/strict';
import type { NdArray, Sample, Shape } from '@lua-webgpu/tensor';

/** A deterministic stream of numbers in [−1, 1) that float32 can hold. */
export function seededValues(seed: number, count: number): Float64Array {
  const values = new Float64Array(count);
  let state = (seed * 2_654_435_761) >>> 0;
  for (let i = 0; i < count; i++) {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    values[i] = (((mixed ^ (mixed >>> 15)) >>> 8) / 2 ** 24) * 2 - 1;
  }
  return values;
}

/** A sample's operand with its values. */
export function materialise(input: Sample<unknown>['inputs'][number], seed: number): NdArray | undefined {
  if (input === undefined) return undefined;
  if ('data' in input) return { shape: input.shape, data: input.data.map(Math.fround) };
  const shape = input as Shape;
  return {
    shape,
    data: seededValues(
      seed,
      shape.reduce((a, b) => a * b, 1),
    ),
  };
}

/** Fails on the worst element outside its bound; NaN never passes. */
export function expectWithin(
  actual: ArrayLike<number>,
  expected: NdArray,
  bound: Float64Array | number,
  what: string,
): void {
  assert.equal(actual.length, expected.data.length, `${what}: number of elements`);
  let worst = 0;
  let message = '';
  for (let i = 0; i < actual.length; i++) {
    const allowed = typeof bound === 'number' ? bound : (bound[i] ?? 0);
    const a = actual[i] as number;
    const e = expected.data[i] as number;
    if (Object.is(a, e) || a === e) continue;
    const excess = Math.abs(a - e) / allowed;
    if (!(excess <= 1) && !(excess <= worst)) {
      worst = Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess;
      message = `${what}: element ${i} is ${a}, expected ${e} ± ${allowed}`;
    }
  }
  assert.ok(message === '', message);
}
