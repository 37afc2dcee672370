import { blendTile, type Device } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const values = (seed: number, count: number) => Float32Array.from(seededValues(seed, count));

/** Two tiles of three planes, which overlap. */
async function blend(device: Device): Promise<Float32Array> {
  const [planes, height, width] = [3, 37, 29];
  const out = device.allocate(4 * planes * height * width, 'out');
  device.clear(out);
  for (const [seed, top, left, tileHeight, tileWidth] of [
    [1, 0, 3, 30, 20],
    [2, 11, 0, 26, 29],
  ] as const) {
    const buffers = {
      tile: device.upload(values(seed, planes * tileHeight * tileWidth), 'tile'),
      rowWeights: device.upload(values(seed + 10, tileHeight), 'rows'),
      columnWeights: device.upload(values(seed + 20, tileWidth), 'columns'),
    };
    const place = { planes, tileHeight, tileWidth, height, width, top, left };
    blendTile(device, { ...buffers, out }, place);
    for (const buffer of Object.values(buffers)) buffer.release();
  }
  const result = new Float32Array(await device.read(out));
  out.release();
  return result;
}

/** The same on the host. */
function expected(): Float64Array {
  const [planes, height, width] = [3, 37, 29];
  const out = new Float64Array(planes * height * width);
  for (const [seed, top, left, tileHeight, tileWidth] of [
    [1, 0, 3, 30, 20],
    [2, 11, 0, 26, 29],
  ] as const) {
    const tile = values(seed, planes * tileHeight * tileWidth);
    const [rows, columns] = [values(seed + 10, tileHeight), values(seed + 20, tileWidth)];
    tile.forEach((value, i) => {
      const [x, y] = [i % tileWidth, Math.floor(i / tileWidth) % tileHeight];
      const plane = Math.floor(i / tileWidth / tileHeight);
      const at = (plane * height + top + y) * width + left + x;
      out[at] = (out[at] as number) + value * (rows[y] as number) * (columns[x] as number);
    });
  }
  return out;
}

for (const adapter of await adapterCases()) {
  describe(`tile blend on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('adds weighted tiles in their places', async () => {
      const result = await blend(await devices.open());
      for (const [i, value] of expected().entries()) expect(result[i]).toBeCloseTo(value, 6);
    });

    it('does the same plane by plane where a binding does not hold them', async () => {
      const whole = await blend(await devices.open());
      // Some planes, or the tile's rows of one.
      for (const maxStorageBufferBindingSize of [8192, 4096]) {
        const device = await devices.open({ limits: { maxStorageBufferBindingSize } });
        expect(device.capabilities.limits.maxStorageBufferBindingSize).toBe(maxStorageBufferBindingSize);
        expect(await blend(device)).toEqual(whole);
      }
    });

    it('refuses rows of one plane that exceed a binding', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 2048 } });
      await expect(blend(device)).rejects.toMatchObject({ code: 'binding-too-large' });
    });
  });
}
