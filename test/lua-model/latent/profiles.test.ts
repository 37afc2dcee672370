import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  profileOf,
  profiles,
  profilesFor,
  toDecoder,
  toDiffusion,
} from '../../../packages/lua-model/src/latent/index.ts';

const EPS = 2 ** -24;
const TINY = 2 ** -149;

describe('VAE profiles', () => {
  it('are those of FLUX, SD3, SDXL and SD 1.x', () => {
    expect(profiles).toEqual([
      { name: 'flux', channels: 16, scalingFactor: 0.3611, shiftFactor: 0.1159 },
      { name: 'sd3', channels: 16, scalingFactor: 1.5305, shiftFactor: 0.0609 },
      { name: 'sdxl', channels: 4, scalingFactor: 0.13025, shiftFactor: 0 },
      { name: 'sd1', channels: 4, scalingFactor: 0.18215, shiftFactor: 0 },
    ]);
    expect(profilesFor(16).map(({ name }) => name)).toEqual(['flux', 'sd3']);
    expect(profilesFor(4).map(({ name }) => name)).toEqual(['sdxl', 'sd1']);
    expect(profilesFor(8)).toEqual([]);
  });

  it('are found by name', () => {
    for (const profile of profiles) expect(profileOf(profile.name)).toBe(profile);
    expect(() => profileOf('sd15')).toThrow(
      expect.objectContaining({
        code: 'attribute-profile',
        fix: expect.stringContaining('sdxl (4 channels)'),
      }),
    );
  });
});

describe('scales', () => {
  it('the decoder takes latent / scaling + shift', () => {
    const flux = toDecoder(new Float32Array(16).fill(0.3611), [1, 16, 1, 1], profileOf('flux'));
    expect(flux[0]).toBeCloseTo(1.1159, 6);
    const sdxl = toDiffusion(new Float32Array(4).fill(2), [1, 4, 1, 1], profileOf('sdxl'));
    expect(sdxl[3]).toBeCloseTo(0.2605, 6);
    const sd3 = toDiffusion(new Float32Array(16).fill(0.0609), [1, 16, 1, 1], profileOf('sd3'));
    expect(sd3[5]).toBeCloseTo(0, 7);
  });

  it('there and back differs by the rounding of each step', () => {
    const values = fc.float32Array({
      minLength: 16,
      maxLength: 16,
      noNaN: true,
      min: Math.fround(-1e6),
      max: Math.fround(1e6),
    });
    fc.assert(
      fc.property(values, fc.constantFrom(...profiles), (data, profile) => {
        const shape = [1, profile.channels, 16 / profile.channels, 1];
        const { scalingFactor: s } = profile;
        const z = toDecoder(data, shape, profile);
        for (const [i, back] of toDiffusion(z, shape, profile).entries()) {
          const x = data[i] ?? Number.NaN;
          const bound =
            EPS * (Math.abs(x) + s * Math.abs(z[i] ?? Number.NaN)) * (1 + 1e-6) + 2 * TINY * (1 + s);
          expect(Math.abs(back - x)).toBeLessThanOrEqual(bound);
        }
        const d = toDiffusion(data, shape, profile);
        for (const [i, back] of toDecoder(d, shape, profile).entries()) {
          const x = data[i] ?? Number.NaN;
          const bound =
            EPS * (Math.abs(x) + Math.abs(d[i] ?? Number.NaN) / s) * (1 + 1e-6) + 2 * TINY * (1 + 1 / s);
          expect(Math.abs(back - x)).toBeLessThanOrEqual(bound);
        }
      }),
    );
  });

  it('the input stays as it is', () => {
    const data = new Float32Array(4).fill(1);
    toDecoder(data, [1, 4, 1, 1], profileOf('sdxl'));
    expect([...data]).toEqual([1, 1, 1, 1]);
  });

  it.each([toDecoder, toDiffusion])(
    '%o refuses other channels and names the profiles that fit',
    (convert) => {
      const latent = new Float32Array(4);
      expect(() => convert(latent, [1, 4, 1, 1], profileOf('flux'))).toThrow(
        expect.objectContaining({
          code: 'latent-channels',
          message: expect.stringContaining('[1, 4, 1, 1] has 4 channels, those of flux have 16'),
          fix: expect.stringMatching(/^Use the profile sdxl or sd1; .*sd3 \(16 channels\)/),
        }),
      );
      expect(() => convert(latent, [1, 2, 2, 1], profileOf('sdxl'))).toThrow(
        expect.objectContaining({
          code: 'latent-channels',
          fix: expect.stringContaining('flux (16 channels)'),
        }),
      );
      for (const shape of [[4], [1, 4, 1], [1, 4, 1, 2]]) {
        expect(() => convert(latent, shape, profileOf('sdxl'))).toThrow(
          expect.objectContaining({ code: 'latent-shape' }),
        );
      }
    },
  );
});
