import { type Device, openDevice } from '@lua-webgpu/kernels';
import { AutoencoderTiny, createLua, type Lua, preset, profileOf } from '@lua-webgpu/lua-model';
import { openScope, type Scope, toFloat32 } from '@lua-webgpu/tensor';
import {
  Dataset,
  type DatasetIndex,
  type DecoderRecipe,
  demoDecoder,
  type Sample,
  trainDecoder,
} from '@lua-webgpu/train';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

const SIDE = 4;
const STRIDE = 2;

/** Two samples whose latents are the colours of the squares that their pixels are made of. */
class Squares extends Dataset {
  /** Of all values of the small latents. */
  readonly #small: number;

  constructor(small = 0) {
    super();
    this.#small = small;
  }

  readonly folder = 'memory';
  readonly index: DatasetIndex = {
    version: 1,
    settings: {
      vae: { profile: 'sdxl', channels: 4, stride: STRIDE, files: {} },
      ...{ crop: SIDE * STRIDE, stride: SIDE * STRIDE, min_side: 0, scales: [2], photo_scales: [1] },
      dtype: 'F32',
      pixels: true,
    },
    samples: 2,
    shards: [],
    unreadable: [],
    small: 0,
    sha256: '',
  };

  override async read(id: number): Promise<Sample> {
    const colour = (square: number, channel: number) => ((7 * square + 3 * channel + 5 * id) % 8) / 7;
    const data = Float32Array.from({ length: 4 * SIDE * SIDE }, (_, i) =>
      i < 3 * SIDE * SIDE ? 4 * colour(i % (SIDE * SIDE), Math.floor(i / SIDE / SIDE)) - 2 : 0,
    );
    const side = SIDE * STRIDE;
    const pixels = Uint8Array.from({ length: 3 * side * side }, (_, i) => {
      const [y, x] = [Math.floor(i / 3 / side), Math.floor(i / 3) % side];
      return Math.round(255 * colour(Math.floor(y / STRIDE) * SIDE + Math.floor(x / STRIDE), i % 3));
    });
    const half = {
      data: new Float32Array(4 * (SIDE / 2) ** 2).fill(this.#small),
      shape: [4, SIDE / 2, SIDE / 2],
    };
    return { id, hr: { data, shape: [4, SIDE, SIDE] }, lr: new Map([[2, half]]), pixels };
  }

  override origin(): Promise<never> {
    return Promise.reject(new Error('not asked for'));
  }

  override async close(): Promise<void> {}
}

const recipe: DecoderRecipe = {
  ...demoDecoder,
  width: 16,
  blocks: [1, 0],
  steps: 100,
  batch: 2,
  crop: SIDE,
  ema: 0.8,
};

let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapter: 'swiftshader', poison: true });
});
afterAll(() => device.destroy());

describe('trainDecoder', () => {
  it('learns the pictures that latents were made from, and gives the average under names that load', async () => {
    const data = new Squares();
    const losses: number[] = [];
    const { tensors, config, steps } = await trainDecoder(device, data, recipe, {
      onProgress: ({ step, steps: total, loss }) => {
        expect(step).toBe(10 * losses.push(loss));
        expect(total).toBe(100);
      },
    });
    expect(steps).toBe(100);
    expect(losses.at(-1)).toBeLessThan(0.4 * (losses[0] as number));

    using decoder = new AutoencoderTiny(config, profileOf('sdxl'), ['decoder']);
    decoder.loadStateDict(device, tensors);
    using scope = openScope(device);
    const { hr, pixels } = await data.read(1);
    const decoded = await decoder.decode(scope.tensor(hr.data, [1, 4, SIDE, SIDE])).readFloats();
    const count = (SIDE * STRIDE) ** 2;
    const difference = decoded.reduce((sum, value, i) => {
      const pixel = (pixels as Uint8Array)[3 * (i % count) + Math.floor(i / count)] as number;
      return sum + Math.abs(value - pixel / 255) / decoded.length;
    }, 0);
    expect(difference).toBeLessThan(2 * (losses.at(-1) as number));
  });

  it('is a function of the seed', async () => {
    const short = { ...recipe, steps: 3 };
    const values = async (seed: number) => {
      const { tensors } = await trainDecoder(device, new Squares(), { ...short, seed });
      return [...tensors.values()].map((tensor) => [...toFloat32(tensor)]);
    };
    const first = await values(0);
    expect(await values(0)).toEqual(first);
    expect(await values(1)).not.toEqual(first);
  });

  it('ends after the step in which it is told to', async () => {
    const controller = new AbortController();
    const { steps } = await trainDecoder(device, new Squares(), recipe, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect(steps).toBe(10);
    expect(device.memory().inUse).toBe(0);
  });

  it('takes what a network makes of the small latents in every fourth step', async () => {
    using network = createLua(device, preset('tiny', { in_chans: 4, scales: [2] }), { seed: 0 });
    const forward = vi.spyOn(network, 'forward');
    const losses = async (steps: number, upscaler?: Lua) => {
      const seen: number[] = [];
      const onProgress = ({ loss }: { loss: number }) => seen.push(loss);
      await trainDecoder(device, new Squares(), { ...recipe, steps }, { network: upscaler, onProgress });
      return seen;
    };
    const [with10] = await losses(10, network);
    expect(forward.mock.calls.map(([latent, scales]) => [latent.shape, scales])).toEqual(
      Array(3).fill([[recipe.batch, 4, SIDE / 2, SIDE / 2], [2]]),
    );
    const [without10] = await losses(10);
    // Latents that say nothing about the pictures: an untrained network's, and zeros interpolated.
    expect(with10).toBeGreaterThan(without10 as number);
  });

  it('takes the small latents interpolated in another of every four', async () => {
    using network = createLua(device, preset('tiny', { in_chans: 4, scales: [2] }), { seed: 0 });
    // Says the same of all latents, so that only interpolation tells them apart.
    vi.spyOn(network, 'forward').mockImplementation(({ scope }) => {
      const shape = [recipe.batch, 4, SIDE, SIDE];
      const data = new Float32Array(recipe.batch * 4 * SIDE ** 2);
      return new Map([[2, (scope as Scope).tensor(data, shape)]]);
    });
    const trained = async (steps: number, small: number) => {
      const { tensors } = await trainDecoder(device, new Squares(small), { ...recipe, steps }, { network });
      return [...tensors.values()].map((tensor) => [...toFloat32(tensor)]);
    };
    expect(await trained(3, 1)).toEqual(await trained(3, 0));
    expect(await trained(4, 1)).not.toEqual(await trained(4, 0));
  });

  it.each([
    { network: preset('tiny', { in_chans: 16, scales: [2] }), message: 'takes 16 channels' },
    { network: preset('tiny', { in_chans: 4, scales: [2, 4] }), message: 'no small latents for ×4' },
  ])('refuses a network that the data are not for: $message', async ({ network: config, message }) => {
    using network = createLua(device, config, { seed: 0 });
    await expect(trainDecoder(device, new Squares(), recipe, { network })).rejects.toMatchObject({
      code: 'train-data',
      message: expect.stringContaining(message),
    });
  });
});
