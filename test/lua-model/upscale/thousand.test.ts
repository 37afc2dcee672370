import { createLua, parseConfig, upscale } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import { expect, it } from 'vitest';
import { seededValues } from '../../support/compare.ts';
import { openTestDevice } from '../../support/network.ts';

const smallest = parseConfig(
  {
    in_chans: 4,
    img_size: 16,
    window_size: 4,
    img_range: 1,
    depths: [2],
    embed_dim: 8,
    num_heads: [2],
    mlp_ratio: 2,
    resi_connection: '1conv',
    head_num_feat: 8,
    heads: [
      { name: 'x2', scale: 2, out_chans: 4 },
      { name: 'x4', scale: 4, out_chans: 4 },
    ],
  },
  'the smallest model',
);

// A thousand take a minute on SwiftShader, so `npm test` runs the first 150; the sizes repeat after 60.
const count = process.env.LUA_WEBGPU_TEST === 'full' ? 1000 : 150;

it(`${count} upscales of varying sizes leave memory in use where it started and create no buffers once each size was seen`, async () => {
  const device = await openTestDevice();
  const model = createLua(device, smallest);
  const { inUse } = device.memory();
  const values = Float32Array.from(seededValues(3, 4 * 12 * 12));
  let created = 0;
  for (let i = 0; i < count; i++) {
    using scope = openScope(device);
    const [height, width] = [1 + (i % 12), 1 + ((i * 7) % 12)];
    const latent = scope.tensor(values.subarray(0, 4 * height * width), [1, 4, height, width]);
    const tile = i % 5 === 0 ? 4 : undefined;
    await upscale(model, latent, { scale: i % 3 === 0 ? 4 : 2, tile });
    if (i === 99) ({ created } = device.memory());
  }
  expect(device.memory().inUse).toBe(inUse);
  expect(device.memory().created).toBe(created);
  device.destroy();
}, 240_000);
