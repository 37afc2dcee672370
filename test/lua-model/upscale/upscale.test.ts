import { join } from 'node:path';
import { type Device, LuaWebGpuError, openDevice } from '@lua-webgpu/kernels';
import {
  createLua,
  forwardBytes,
  type Lua,
  loadLua,
  preset,
  upscale,
  upscaleAll,
} from '@lua-webgpu/lua-model';
import {
  type FileTensor,
  openScope,
  readTensorFile,
  slice,
  type Tensor,
  toFloat32,
} from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededValues } from '../../support/compare.ts';
import { openTestDevice } from '../../support/network.ts';

const latentOf = (shape: readonly number[], seed = 1) =>
  Float32Array.from(
    seededValues(
      seed,
      shape.reduce((a, b) => a * b, 1),
    ),
  );

let device: Device;
let model: Lua;
let atRest: number;
beforeAll(async () => {
  device = await openTestDevice();
  model = createLua(device, preset('tiny', { in_chans: 4 }), { seed: 7 });
  atRest = device.memory().inUse;
});
afterAll(() => device.destroy());

async function upscaled(
  shape: readonly number[],
  options: Omit<Parameters<typeof upscale>[2], 'scale'> & { scale?: number } = {},
  on = device,
  by = model,
) {
  using scope = openScope(on);
  const result = await upscale(by, scope.tensor(latentOf(shape), shape), { scale: 2, ...options });
  return { shape: result.shape, data: await result.readFloats() };
}

async function codeOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (error instanceof LuaWebGpuError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('upscale', () => {
  it.each([
    [1, 4, 1, 1],
    [1, 4, 3, 17],
    [2, 4, 8, 9],
  ])('takes a latent of %i×%i×%i×%i', async (...shape) => {
    const [b = 0, c = 0, h = 0, w = 0] = shape;
    expect((await upscaled(shape, { scale: 2 })).shape).toEqual([b, c, 2 * h, 2 * w]);
    expect((await upscaled(shape, { scale: 4 })).shape).toEqual([b, c, 4 * h, 4 * w]);
  });

  it('gives the same bits for both scales at once as for each alone', async () => {
    using scope = openScope(device);
    const shape = [1, 4, 8, 8];
    const both = await upscaleAll(model, scope.tensor(latentOf(shape), shape), { scales: [2, 4] });
    for (const scale of [2, 4]) {
      expect(await both.get(scale)?.readFloats()).toEqual((await upscaled(shape, { scale })).data);
    }
  });

  it('gives the same bits with and without poisoned buffers, and three times in a row', async () => {
    const clean = await openDevice({ adapter: process.env.LUA_WEBGPU_ADAPTER ?? 'swiftshader' });
    const same = createLua(clean, model.config, { seed: 7 });
    const shape = [1, 4, 11, 13];
    const expected = (await upscaled(shape, {}, clean, same)).data;
    for (let i = 0; i < 3; i++) expect((await upscaled(shape)).data).toEqual(expected);
    clean.destroy();
  });

  it('two at once on one device give the bits of one after the other and leak nothing', async () => {
    const shapes = [
      [1, 4, 16, 16],
      [1, 4, 9, 24],
    ];
    const alone: Float32Array[] = [];
    for (const shape of shapes) alone.push((await upscaled(shape, { tile: 8 })).data);
    const together = await Promise.all(shapes.map((shape) => upscaled(shape, { tile: 8 })));
    together.forEach(({ data }, i) => {
      expect(data).toEqual(alone[i]);
    });
    expect(device.memory().inUse).toBe(atRest);
  });

  it('leaves memory where it was after many sizes', async () => {
    const sizes = Array.from({ length: 60 }, (_, i) => [1, 4, 1 + ((i * 7) % 19), 1 + ((i * 5) % 23)]);
    for (const shape of sizes) await upscaled(shape, { scale: sizes.indexOf(shape) % 2 ? 2 : 4 });
    expect(device.memory().inUse).toBe(atRest);
  });

  it('estimates a forward’s memory from above, and not by more than half', async () => {
    for (const [h, w] of [
      [16, 16],
      [32, 24],
    ] as const) {
      for (const scales of [[2], [4], [2, 4]]) {
        using scope = openScope(device);
        const latent = scope.tensor(latentOf([1, 4, h, w]), [1, 4, h, w]);
        const before = device.memory().inUse;
        device.resetPeakMemory();
        for (const result of model.forward(latent, scales).values()) result.dispose();
        const peak = device.memory().peak - before;
        const estimate = forwardBytes(model.config, h * w, scales);
        expect(peak, `${h}×${w} ×${scales}`).toBeLessThanOrEqual(estimate);
        expect(peak, `${h}×${w} ×${scales}`).toBeGreaterThan(estimate / 2);
      }
    }
  });
});

describe('tiles', () => {
  it('one tile as large as the latent is the whole', async () => {
    const shape = [1, 4, 16, 24];
    expect((await upscaled(shape, { tile: 24 })).data).toEqual((await upscaled(shape)).data);
  });

  it('go through the network once for each shape and are replayed for the others', async () => {
    const forward = model.forward.bind(model);
    const shapes: string[] = [];
    model.forward = (latent, ...rest) => {
      shapes.push(latent.shape.join('×'));
      return forward(latent, ...rest);
    };
    const shape = [1, 4, 40, 8];
    const tiled = await upscaled(shape, { tile: 8, overlap: 8 }).finally(() => {
      model.forward = forward;
    });
    expect(shapes).toEqual(['1×4×16×8', '1×4×24×8']);
    expect(device.memory().inUse).toBe(atRest);

    // The core of the third of the five tiles, computed by itself.
    using scope = openScope(device);
    const piece = slice(scope.tensor(latentOf(shape), shape), [0, 0, 8, 0], [1, 4, 24, 8]);
    const alone = await (model.forward(piece, [2]).get(2) as Tensor).readFloats();
    for (let c = 0; c < 4; c++) {
      const core = alone.subarray((c * 48 + 16) * 16, (c * 48 + 32) * 16);
      const blended = tiled.data.subarray((c * 80 + 32) * 16, (c * 80 + 48) * 16);
      // The neighbours are blended in from the middle of the overlap on, and differ a little there.
      expect(Math.max(...core.map((value, i) => Math.abs(value - (blended[i] as number))))).toBeLessThan(
        1e-3,
      );
    }
  });

  it('are chosen from the memory budget when the whole does not fit', async () => {
    const totals: number[] = [];
    // Cores of 8 read 8 + 2 · 16 pixels.
    const budget = forwardBytes(model.config, 40 * 40, [2]);
    device.resetPeakMemory();
    await upscaled([1, 4, 48, 40], { memoryBudget: budget, onProgress: ({ total }) => totals.push(total) });
    expect(totals.at(-1)).toBe(30);
    const latents = 4 * 4 * 48 * 40 * (1 + 4);
    expect(device.memory().peak - atRest).toBeLessThanOrEqual(budget + 2 * latents);
  });

  it('differ from the whole no more beside a tile border than elsewhere', async () => {
    const shape = [1, 4, 48, 48];
    const whole = (await upscaled(shape)).data;
    const tiled = (await upscaled(shape, { tile: 16 })).data;
    const { near, elsewhere } = borderErrors(whole, tiled, 48, 16);
    expect(elsewhere).toBeGreaterThan(0);
    expect(near).toBeLessThanOrEqual(1.2 * elsewhere);
  });

  it.each([
    { tile: 12 },
    { tile: 0 },
    { tile: -8 },
    { tile: 16, overlap: 4 },
    { tile: 16, overlap: 0 },
    { tile: 8.5 },
  ])('of %o are refused', async (options) =>
    expect(await codeOf(() => upscaled([1, 4, 32, 32], options))).toBe('tile-size'),
  );
});

// A trained model: its errors fall off with the distance from a tile's edge, those of random weights do not.
const trained = process.env.LUA_WEBGPU_WEIGHTS ?? '';
describe.runIf(trained)('tiles of a trained model', () => {
  it('differ from the whole no more beside a tile border than elsewhere', async () => {
    const file = (name: string) => join(trained, `lua-calibration-taef1-x2${name}.safetensors`);
    using calibrated = await loadLua(device, file(''));
    using scope = openScope(device);
    const { tensors } = await readTensorFile(file('-example'));
    const example = tensors.get('dog/latent') as FileTensor;
    const small = scope.tensor(toFloat32(example), [1, ...example.shape.slice(-3)]);
    const latent = await upscale(calibrated, small, { scale: 2 });
    const [, , , size = 0] = latent.shape;
    const whole = await (await upscale(calibrated, latent, { scale: 2 })).readFloats();
    const tiled = await (await upscale(calibrated, latent, { scale: 2, tile: 16 })).readFloats();
    const { near, elsewhere } = borderErrors(whole, tiled, size, 16);
    expect(elsewhere).toBeGreaterThan(0);
    expect(near).toBeLessThanOrEqual(1.2 * elsewhere);
  });
});

/** RMS difference of two ×2 results of a square latent, within two latent pixels of a border between tiles and elsewhere. */
function borderErrors(whole: Float32Array, tiled: Float32Array, size: number, tile: number) {
  const sums = { near: 0, elsewhere: 0 };
  const counts = { near: 0, elsewhere: 0 };
  const besideBorder = (at: number) => {
    const latentPixel = at / 2 + 0.25;
    const border = Math.round(latentPixel / tile) * tile;
    return border > 0 && border < size && Math.abs(latentPixel - border) <= 2;
  };
  whole.forEach((value, i) => {
    const y = Math.floor(i / (2 * size)) % (2 * size);
    const side = besideBorder(y) || besideBorder(i % (2 * size)) ? 'near' : 'elsewhere';
    sums[side] += (value - (tiled[i] as number)) ** 2;
    counts[side] += 1;
  });
  return {
    near: Math.sqrt(sums.near / counts.near),
    elsewhere: Math.sqrt(sums.elsewhere / counts.elsewhere),
  };
}

describe('cancelling', () => {
  it.each([0, 1, 3])('after %i tiles throws the reason and leaves no buffers', async (after) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const run = upscaled([1, 4, 32, 32], {
      tile: 8,
      signal: controller.signal,
      onProgress: ({ done }) => {
        if (done === after) controller.abort(reason);
      },
    });
    await expect(run).rejects.toBe(reason);
    expect(device.memory().inUse).toBe(atRest);
  });

  it('before the start computes nothing', async () => {
    await expect(upscaled([1, 4, 8, 8], { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    expect(device.memory().inUse).toBe(atRest);
  });
});

describe('what it refuses', () => {
  it.each([
    { shape: [4, 8, 8], code: 'latent-shape' },
    { shape: [1, 4, 0, 8], code: 'latent-shape' },
    { shape: [1, 16, 8, 8], code: 'latent-channels' },
  ])('a latent of $shape: $code', async ({ shape, code }) => {
    expect(await codeOf(() => upscaled(shape))).toBe(code);
    expect(device.memory().inUse).toBe(atRest);
  });

  it('a scale without a head', async () => {
    expect(await codeOf(() => upscaled([1, 4, 8, 8], { scale: 3 }))).toBe('scale-missing');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d in the latent, naming the place',
    async (bad) => {
      using scope = openScope(device);
      const values = latentOf([1, 4, 8, 8]);
      values[2 * 64 + 3 * 8 + 5] = bad;
      const run = upscale(model, scope.tensor(values, [1, 4, 8, 8]), { scale: 2 });
      await expect(run).rejects.toMatchObject({
        code: 'non-finite',
        message: expect.stringContaining('[0, 2, 3, 5]'),
      });
    },
  );

  it('a result that overflows', async () => {
    using scope = openScope(device);
    const values = latentOf([1, 4, 8, 8]).map((value) => value * 3e38);
    expect(await codeOf(() => upscale(model, scope.tensor(values, [1, 4, 8, 8]), { scale: 2 }))).toBe(
      'non-finite',
    );
  });
});
