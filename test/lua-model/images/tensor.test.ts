import { type Device, openDevice } from '@lua-webgpu/kernels';
import { imagesToTensor, imageToTensor, tensorToImage, tensorToImages } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { noisePicture } from '../../support/pictures.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapter: process.env.LUA_WEBGPU_ADAPTER ?? 'swiftshader', poison: true });
});
afterAll(() => device.destroy());

it('a picture becomes planes, and comes back to the bit', async () => {
  using scope = openScope(device);
  const picture = noisePicture(5, 3);
  const tensor = imageToTensor(scope, picture);
  expect(tensor.shape).toEqual([1, 3, 3, 5]);
  const planes = await tensor.readFloats();
  for (let i = 0; i < planes.length; i++) {
    expect(planes[(i % 3) * 15 + Math.floor(i / 3)]).toBe(picture.data[i]);
  }
  expect(await tensorToImage(tensor)).toEqual(picture);
});

it('a batch too', async () => {
  using scope = openScope(device);
  const pictures = [noisePicture(4, 2, 1), noisePicture(4, 2, 2)];
  const tensor = imagesToTensor(scope, pictures);
  expect(tensor.shape).toEqual([2, 3, 2, 4]);
  expect(await tensorToImages(tensor)).toEqual(pictures);
  await expect(tensorToImage(tensor)).rejects.toMatchObject({ code: 'image-shape' });
});

it('values beyond [0, 1] are clamped, NaN is not hidden', async () => {
  using scope = openScope(device);
  const image = await tensorToImage(scope.tensor([-0.5, 1.5, Number.NaN], [1, 3, 1, 1]));
  expect([...image.data]).toEqual([0, 1, Number.NaN]);
});

it('refuses what is no picture', async () => {
  using scope = openScope(device);
  const refused = expect.objectContaining({ code: 'image-shape' });
  expect(() => imagesToTensor(scope, [])).toThrow(refused);
  expect(() => imagesToTensor(scope, [noisePicture(4, 2), noisePicture(2, 4)])).toThrow(refused);
  expect(() => imageToTensor(scope, { width: 2, height: 2, data: new Float32Array(11) })).toThrow(refused);
  expect(() => imageToTensor(scope, { width: 0, height: 2, data: new Float32Array(0) })).toThrow(refused);
  const grey = scope.tensor(new Float32Array(4), [1, 1, 2, 2]);
  await expect(tensorToImages(grey)).rejects.toMatchObject({ code: 'image-shape' });
});
