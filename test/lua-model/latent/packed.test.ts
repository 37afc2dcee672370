/** FLUX's packed form, against diffusers' statements written out with a generic permute. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPackedShape, packLatent, unpackLatent } from '../../../packages/lua-model/src/latent/index.ts';

/** torch's `view(shape).permute(axes)`, made contiguous. */
function permute(data: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const sides = axes.map((axis) => shape[axis] ?? 0);
  return data.map((_, flat) => {
    let rest = flat;
    let source = 0;
    for (let i = axes.length - 1; i >= 0; i--) {
      source += (rest % (sides[i] ?? 1)) * (strides[axes[i] ?? 0] ?? 0);
      rest = Math.floor(rest / (sides[i] ?? 1));
    }
    return data[source] ?? Number.NaN;
  });
}

const counting = (length: number) => Float32Array.from({ length }, (_, i) => i);
const halves = fc.integer({ min: 0, max: 5 });

describe('packLatent', () => {
  it('writes the 2×2 pixels of a channel, then those of the next', () => {
    // [1, 16, 4, 6]: channel c starts at 24·c; the second token is columns 2 and 3 of rows 0 and 1.
    const { data, shape } = packLatent(counting(16 * 24), [1, 16, 4, 6]);
    expect(shape).toEqual([1, 6, 64]);
    expect([...data.slice(64, 72)]).toEqual([2, 3, 8, 9, 26, 27, 32, 33]);
    expect([...data.slice(3 * 64, 3 * 64 + 4)]).toEqual([12, 13, 18, 19]);
  });

  it('is what _pack_latents and _unpack_latents do', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 }), halves, halves, (b, h2, w2) => {
        const plain = counting(b * 16 * 4 * h2 * w2);
        // latents.view(b, 16, h/2, 2, w/2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, (h/2)·(w/2), 64)
        const packed = permute(plain, [b, 16, h2, 2, w2, 2], [0, 2, 4, 1, 3, 5]);
        const shape = [b, 16, 2 * h2, 2 * w2];
        expect(packLatent(plain, shape)).toEqual({ data: packed, shape: [b, h2 * w2, 64] });
        // latents.view(b, h/2, w/2, 64/4, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(b, 16, h, w)
        const unpacked = permute(packed, [b, h2, w2, 16, 2, 2], [0, 3, 1, 4, 2, 5]);
        expect(unpackLatent(packed, [b, h2 * w2, 64], [2 * h2, 2 * w2])).toEqual({ data: unpacked, shape });
      }),
    );
  });

  it('and unpackLatent undo each other', () => {
    const bits = fc.noShrink(fc.float32Array({ minLength: 64 * 6, maxLength: 64 * 6 }));
    fc.assert(
      fc.property(bits, fc.constantFrom([1, 6], [2, 3], [3, 2], [6, 1]), (data, [h2 = 0, w2 = 0]) => {
        const size = [2 * h2, 2 * w2] as const;
        const there = packLatent(data, [1, 16, ...size]);
        expect(unpackLatent(there.data, there.shape, size)).toEqual({ data, shape: [1, 16, ...size] });
        const back = unpackLatent(data, [1, 6, 64], size);
        expect(packLatent(back.data, back.shape)).toEqual({ data, shape: [1, 6, 64] });
      }),
    );
  });
});

describe('unpackLatent without a size', () => {
  it('takes a square number of tokens for a square', () => {
    expect(unpackLatent(counting(2 * 9 * 64), [2, 9, 64]).shape).toEqual([2, 16, 6, 6]);
  });

  it('says which size to pass otherwise', () => {
    expect(() => unpackLatent(counting(6 * 64), [1, 6, 64])).toThrow(
      expect.objectContaining({
        code: 'latent-size',
        message: expect.stringContaining('[1, 6, 64]'),
        fix: expect.stringContaining('--size 4x6'),
      }),
    );
  });
});

describe('refusals', () => {
  const data = counting(48 * 64 * 64);
  it.each([
    ['another count', [64, 64], 'latent-size', /= 3072, for instance --size 96x128/],
    ['odd sides', [3, 4096], 'latent-size', /even H and W/],
    ["the image's size", [768, 1024], 'latent-size', /--size 96x128/],
    ['a fraction', [96.5, 128], 'latent-size', /even/],
    ['negative sides', [-96, -128], 'latent-size', /even/],
  ] as const)('of a size with %s', (_what, size, code, fix) => {
    expect(() => unpackLatent(data, [1, 3072, 64], size)).toThrow(
      expect.objectContaining({ code, fix: expect.stringMatching(fix) }),
    );
  });

  it.each([
    [[1, 3072, 32], 'latent-shape'],
    [[1, 1536, 128], 'latent-channels'],
    [[3072, 64], 'latent-shape'],
  ])('of the packed shape %j', (shape, code) => {
    expect(() => unpackLatent(data, shape)).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    [[1, 16, 3, 4], 'latent-shape'],
    [[1, 16, 4, 3], 'latent-shape'],
    [[1, 16, 4, 4], 'latent-shape'],
    [[1, 4, 8, 6], 'latent-channels'],
  ])('of the shape %j', (shape, code) => {
    expect(() => packLatent(counting(192), shape)).toThrow(expect.objectContaining({ code }));
  });

  it('tell packed shapes from others', () => {
    expect(
      [
        [1, 9, 64],
        [9, 64],
        [1, 9, 16],
        [1, 16, 9, 64],
      ].map(isPackedShape),
    ).toEqual([true, false, false, false]);
  });
});
