import { type Device, ShapeError } from '@lua-webgpu/kernels';
import { createLua, type Lua, preset, upscale } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededValues } from '../../support/compare.ts';
import { openTestDevice } from '../../support/network.ts';

let device: Device;
let model: Lua;
beforeAll(async () => {
  device = await openTestDevice();
  model = createLua(device, preset('tiny', { in_chans: 4, scales: [2] }), { seed: 5 });
});
afterAll(() => device.destroy());

async function values(latent: Float32Array, bound: number | undefined, tile?: number) {
  using scope = openScope(device);
  const result = await upscale(model, scope.tensor(latent, [2, 4, 16, 16]), {
    scale: 2,
    bound,
    tile,
    overlap: 8,
  });
  return result.readFloats();
}

/** Lowest and highest value of each [batch, channel]. */
function ranges(data: Float32Array): [low: number, high: number][] {
  const size = data.length / 8;
  return Array.from({ length: 8 }, (_, i) => {
    const plane = data.subarray(i * size, (i + 1) * size);
    return [Math.min(...plane), Math.max(...plane)];
  });
}

// An untrained network's output has nothing to do with its input, so that every channel leaves its range somewhere.
const latent = Float32Array.from(
  seededValues(2, 2 * 4 * 256),
  (value, i) => 0.01 * value + Math.floor(i / 256),
);

it.each([0, 0.25])(
  'a bound of %s keeps every channel in the range of its input, and touches nothing inside',
  async (bound) => {
    const free = await values(latent, undefined);
    const bounded = await values(latent, bound);
    const allowed = ranges(latent).map(([low, high]) => {
      const slack = Math.fround(bound * Math.fround(high - low));
      return [Math.fround(low - slack), Math.fround(high + slack)] as const;
    });
    const size = free.length / 8;
    const expected = free.map((value, i) => {
      const [low, high] = allowed[Math.floor(i / size)] as readonly [number, number];
      return Math.min(Math.max(value, low), high);
    });
    expect(bounded).toEqual(expected);
    expect(bounded).not.toEqual(free);
  },
);

it('with tiles, the range is that of the whole latent', async () => {
  const free = await values(latent, undefined, 8);
  const bounded = await values(latent, 0, 8);
  const whole = ranges(latent);
  const size = free.length / 8;
  const outside = free.filter((value, i) => {
    const [low, high] = whole[Math.floor(i / size)] as [number, number];
    return value < low || value > high;
  });
  expect(outside.length).toBeGreaterThan(0);
  const clamped = free.map((value, i) => {
    const [low, high] = whole[Math.floor(i / size)] as [number, number];
    return Math.min(Math.max(value, low), high);
  });
  expect(bounded).toEqual(clamped);
  expect(
    ranges(bounded).every(([low, high], i) => low >= (whole[i]?.[0] ?? 0) && high <= (whole[i]?.[1] ?? 0)),
  ).toBe(true);
});

it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a bound of %s', async (bound) => {
  const error = await values(latent, bound).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ShapeError);
  expect((error as ShapeError).code).toBe('upscale-bound');
});
