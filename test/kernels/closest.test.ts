import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closest, editDistance } from '../../packages/kernels/src/closest.ts';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['depths', 'dephts', 1],
    ['embed_dim', 'embed_dims', 1],
  ])('of %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });

  it('is symmetric, and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance === 0).toBe(a === b);
      }),
    );
  });
});

describe('closest', () => {
  const keys = ['depths', 'embed_dim', 'head_num_feat', 'heads', 'num_heads'];
  it.each([
    ['depth', 'depths'],
    ['Embed-Dim', 'embed_dim'],
    ['num_feat', 'head_num_feat'],
    ['head', 'heads'],
    ['numheads', 'num_heads'],
    ['learning_rate', undefined],
    ['', undefined],
  ])('to %j is %j', (word, expected) => {
    expect(closest(word, keys)).toBe(expected);
  });
});
