import { centreCrop, cropImage, cropToMultiple } from '@lua-webgpu/lua-model';
import { describe, expect, it } from 'vitest';
import { noisePicture } from '../../support/pictures.ts';

const picture = noisePicture(11, 9);
const pixel = (image: typeof picture, x: number, y: number) => [
  ...image.data.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3),
];

describe('cropImage', () => {
  it('copies the rectangle', () => {
    const crop = cropImage(picture, { left: 2, top: 3, width: 4, height: 5 });
    expect([crop.width, crop.height, crop.data.length]).toEqual([4, 5, 60]);
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 4; x++) expect(pixel(crop, x, y)).toEqual(pixel(picture, x + 2, y + 3));
    }
  });

  it.each([
    { left: -1, top: 0, width: 4, height: 4 },
    { left: 8, top: 0, width: 4, height: 4 },
    { left: 0, top: 6, width: 4, height: 4 },
    { left: 0, top: 0, width: 0, height: 4 },
    { left: 0.5, top: 0, width: 4, height: 4 },
  ])('refuses %j', (box) => {
    expect(() => cropImage(picture, box)).toThrow(expect.objectContaining({ code: 'image-small' }));
  });
});

describe('cropToMultiple', () => {
  it('cuts at the right and at the bottom', () => {
    expect(cropToMultiple(picture, 8)).toEqual(cropImage(picture, { left: 0, top: 0, width: 8, height: 8 }));
    expect(cropToMultiple(picture, 4)).toMatchObject({ width: 8, height: 8 });
  });
  it('gives a picture that fits back as it is', () => {
    expect(cropToMultiple(picture, 1)).toBe(picture);
  });
  it('refuses a picture of which nothing would remain', () => {
    expect(() => cropToMultiple(noisePicture(64, 7), 8)).toThrow(
      expect.objectContaining({ code: 'image-small' }),
    );
  });
});

it('centreCrop takes the middle, half a pixel up and left where it must', () => {
  expect(centreCrop(picture, 3, 3)).toEqual(cropImage(picture, { left: 4, top: 3, width: 3, height: 3 }));
  expect(centreCrop(picture, 4, 4)).toEqual(cropImage(picture, { left: 3, top: 2, width: 4, height: 4 }));
  expect(() => centreCrop(picture, 12, 4)).toThrow(expect.objectContaining({ code: 'image-small' }));
});
