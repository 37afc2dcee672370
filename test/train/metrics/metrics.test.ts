import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RgbImage } from '@lua-webgpu/lua-model';
import { parseSafetensors, toFloat64 } from '@lua-webgpu/tensor';
import { colourShift, psnr, ssim, ssimY } from '@lua-webgpu/train';
import { describe, expect, it } from 'vitest';
import { seededValues } from '../../support/compare.ts';

const image = (width: number, height: number, value: (i: number) => number): RgbImage => ({
  width,
  height,
  data: Float32Array.from({ length: width * height * 3 }, (_, i) => value(i)),
});
const noise = seededValues(1, 16 * 12 * 3);
const noisy = image(16, 12, (i) => 0.5 + 0.5 * (noise[i] as number));

describe('psnr', () => {
  it('is infinite for equal images and 20·log10(255/d) for a constant difference of d levels', () => {
    expect(psnr(noisy, noisy)).toBe(Number.POSITIVE_INFINITY);
    expect(
      psnr(
        image(4, 4, () => 100 / 255),
        image(4, 4, () => 110 / 255),
      ),
    ).toBeCloseTo(20 * Math.log10(25.5), 12);
  });

  it('clamps and rounds to 8 bits first', () => {
    expect(
      psnr(
        image(2, 2, () => 1.7),
        image(2, 2, () => 1),
      ),
    ).toBe(Number.POSITIVE_INFINITY);
    expect(
      psnr(
        image(2, 2, () => 0.4999 / 255),
        image(2, 2, () => 0),
      ),
    ).toBe(Number.POSITIVE_INFINITY);
    expect(
      psnr(
        image(2, 2, () => 0.5001 / 255),
        image(2, 2, () => 0),
      ),
    ).toBeCloseTo(20 * Math.log10(255), 12);
  });

  it('refuses images of two sizes', () => {
    expect(() =>
      psnr(
        image(2, 2, () => 0),
        image(2, 3, () => 0),
      ),
    ).toThrow(/shape-mismatch|2×2/);
  });
});

describe('colourShift', () => {
  it('is the mean difference of each channel in levels, with its sign, after clamping', () => {
    const reference = image(4, 2, () => 100 / 255);
    const shifted = image(4, 2, (i) => (i % 3 === 0 ? 103 : i % 3 === 1 ? 99 : i < 12 ? 100 : 110) / 255);
    const [red, green, blue] = colourShift(shifted, reference);
    expect([red, green, blue]).toEqual([3, -1, 5]);
    expect(
      colourShift(
        image(1, 1, () => 2),
        image(1, 1, () => 1),
      ),
    ).toEqual([0, 0, 0]);
  });

  it('refuses images of two sizes', () => {
    expect(() =>
      colourShift(
        noisy,
        image(2, 2, () => 0),
      ),
    ).toThrow(/2×2/);
  });
});

describe('ssim', () => {
  it('is 1 for equal images and less when structure differs', () => {
    expect(ssim(noisy, noisy)).toBeCloseTo(1, 12);
    expect(ssimY(noisy, noisy)).toBeCloseTo(1, 12);
    expect(
      ssim(
        noisy,
        image(16, 12, (i) => 1 - (noisy.data[i] as number)),
      ),
    ).toBeLessThan(0);
  });

  it('of two flat images is the luminance term alone', () => {
    const [a, b, c1] = [100, 120, (0.01 * 255) ** 2];
    const expected = (2 * a * b + c1) / (a * a + b * b + c1);
    expect(
      ssim(
        image(11, 11, () => a / 255),
        image(11, 11, () => b / 255),
      ),
    ).toBeCloseTo(expected, 12);
  });

  it('refuses images smaller than its window', () => {
    expect(() =>
      ssim(
        image(10, 20, () => 0),
        image(10, 20, () => 0),
      ),
    ).toThrow(/11×11/);
  });
});

const folder = process.env.LUA_WEBGPU_GOLDEN;
describe.runIf(folder)('against the reference folder', () => {
  it.each(['a', 'b'])(
    'image %s agrees with SwinIR’s evaluation to 1e-10 (Y, float32 there, to 1e-5)',
    (name) => {
      const path = join(folder as string, 'metric_psnr_ssim.safetensors');
      const { tensors } = parseSafetensors(readFileSync(path), path);
      const values = (key: string) => toFloat64(tensors.get(`${name}/${key}`)!);
      const [height = 0, width = 0] = tensors.get(`${name}/in.pred_u8_rgb`)?.shape ?? [];
      const rgb = (key: string): RgbImage => ({
        width,
        height,
        data: Float32Array.from(tensors.get(`${name}/${key}`)!.bytes, (byte) => byte / 255),
      });
      // The file's values come from a version that cuts a border of two pixels.
      const cut = ({ data }: RgbImage): RgbImage => {
        const inner = image(width - 4, height - 4, () => 0);
        for (let i = 0; i < inner.data.length; i++) {
          const pixel = Math.floor(i / 3);
          const y = Math.floor(pixel / inner.width) + 2;
          const x = (pixel % inner.width) + 2;
          inner.data[i] = data[(y * width + x) * 3 + (i % 3)] as number;
        }
        return inner;
      };
      const pred = cut(rgb('in.pred_u8_rgb'));
      const target = cut(rgb('in.target_u8_rgb'));
      expect(psnr(pred, target)).toBeCloseTo(values('out.swinir_psnr')[0] as number, 9);
      expect(ssim(pred, target)).toBeCloseTo(values('out.swinir_ssim')[0] as number, 9);
      expect(ssimY(pred, target)).toBeCloseTo(values('out.swinir_ssim_y')[0] as number, 5);
    },
  );
});
