import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RgbImage, resizeImage } from '@lua-webgpu/lua-model';
import { parseSafetensors, toFloat32 } from '@lua-webgpu/tensor';
import { describe, expect, it } from 'vitest';
import { goldenCase, referenceFolder } from '../../golden/load.ts';
import { expectWithin } from '../../support/compare.ts';
import { noisePicture } from '../../support/pictures.ts';

const clamp = (value: number) => Math.min(1, Math.max(0, value));

/** A picture out of planes [channels, height, width]; channels that are missing repeat the first. */
function ofPlanes(planes: ArrayLike<number>, height: number, width: number): RgbImage {
  const area = width * height;
  const channels = planes.length / area;
  const at = (i: number) => planes[(i % 3 < channels ? i % 3 : 0) * area + Math.floor(i / 3)] as number;
  return { width, height, data: Float32Array.from({ length: 3 * area }, (_, i) => at(i)) };
}

describe('resizeImage', () => {
  const golden = goldenCase('op_resize');
  const names = [...golden.outputs.keys()].filter((name) => name.endsWith('/out.bicubic_antialias'));
  it.each(names)('is PyTorch’s bicubic with antialias, clamped: %s', (name) => {
    const input = golden.inputs.get(name.replace(/\/.*/, '/in.x'));
    const output = golden.outputs.get(name);
    if (!input || !output) throw new Error(`no case ${name}`);
    const [, , height = 0, width = 0] = input.shape;
    const [, , outHeight = 0, outWidth = 0] = output.shape;
    const resized = resizeImage(ofPlanes(input.data, height, width), outWidth, outHeight);
    expect([resized.height, resized.width]).toEqual([outHeight, outWidth]);
    const expected = ofPlanes(output.data, outHeight, outWidth).data;
    const wanted = { shape: [expected.length], data: Float64Array.from(expected, clamp) };
    expectWithin(resized.data, wanted, output.tolerance * output.max, name);
  });

  it('keeps a picture of the size that is asked for to the bit', () => {
    const picture = noisePicture(13, 7);
    expect(resizeImage(picture, 13, 7)).toEqual(picture);
  });

  it('takes single pixels and single lines', () => {
    const pixel = { width: 1, height: 1, data: Float32Array.of(0.25, 0.5, 1) };
    const line = resizeImage(pixel, 5, 1);
    expect([...line.data]).toEqual([0, 1, 2, 3, 4].flatMap(() => [0.25, 0.5, 1]));
    for (const [i, value] of resizeImage(line, 1, 3).data.entries()) {
      expect(value).toBeCloseTo(pixel.data[i % 3] as number, 6);
    }
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a side of %s', (side) => {
    expect(() => resizeImage(noisePicture(4, 4), side, 4)).toThrow(/no picture has/);
    expect(() => resizeImage(noisePicture(4, 4), 4, side)).toThrow(/no picture has/);
  });
});

const folder = referenceFolder();
if (!folder) console.log('not run: Pillow’s bicubic (LUA_WEBGPU_GOLDEN names no folder)');

describe.runIf(folder)('against Pillow on images of floats', () => {
  const path = join(folder ?? '', 'op_bicubic.safetensors');
  const tensors = folder ? parseSafetensors(readFileSync(path), path).tensors : new Map();
  it.each(['down2', 'down4', 'odd_down2', 'odd_down4', 'up2', 'up4', 'up2p7'])('%s', (name) => {
    const input = tensors.get(`${name}/in.x`);
    const [, , height = 0, width = 0] = input.shape;
    const floats = tensors.get(`${name}/out.pil_f`);
    const [, outHeight = 0, outWidth = 0] = floats.shape;
    const resized = resizeImage(ofPlanes(toFloat32(input), height, width), outWidth, outHeight);
    const expected = ofPlanes(toFloat32(floats), outHeight, outWidth).data;
    const wanted = { shape: [expected.length], data: Float64Array.from(expected, clamp) };
    expectWithin(resized.data, wanted, 1.2e-7, name);
  });
});
