import type { Device } from '@lua-webgpu/kernels';
import {
  AutoencoderKL,
  AutoencoderTiny,
  decodeTiled,
  encodeTiled,
  profileOf,
  type TilingOptions,
  type Vae,
} from '@lua-webgpu/lua-model';
import { openScope, Tape } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { bandBytes } from '../../../packages/lua-model/src/vae/memory.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

const tiny = (device: Device): Vae => {
  const shape = { width: 8, encoderBlocks: [1, 1, 1], decoderBlocks: [1, 1, 1] };
  const vae = new AutoencoderTiny({ latentChannels: 4, ...shape }, profileOf('sdxl'));
  vae.initialize(device, 5);
  return vae;
};

/** Three resolutions, widths that grow, and statistics that differ from place to place. */
const kl = (device: Device): Vae => {
  const config = {
    latent_channels: 4,
    block_out_channels: [16, 32, 32],
    layers_per_block: 1,
    norm_num_groups: 16,
    mid_block_add_attention: true,
    use_quant_conv: true,
    use_post_quant_conv: true,
  };
  const vae = new AutoencoderKL(config, profileOf('sdxl'));
  vae.initialize(device, 6);
  return vae;
};

const makers = [
  ['AutoencoderTiny', tiny],
  ['AutoencoderKL', kl],
] as const;

/** Values whose size and sign grow to the lower right, so that the statistics of no part are those of the whole. */
function uneven(shape: readonly [number, number, number, number], seed: number): Float32Array {
  const [, , height, width] = shape;
  const values = seededValues(
    seed,
    shape.reduce((a, b) => a * b, 1),
  );
  return Float32Array.from(values, (value, i) => {
    const [y, x] = [Math.floor(i / width) % height, i % width];
    return 0.5 + value * (0.05 + 0.4 * (y / height)) + 0.1 * (x / width);
  });
}

/** Largest difference relative to the largest value. */
function relative(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const differences = expected.map((value, i) => Math.abs((actual[i] as number) - value));
  expect(differences.every(Number.isFinite)).toBe(true);
  return differences.reduce((max, value) => Math.max(max, value), 0) / largest;
}

for (const adapter of await adapterCases()) {
  describe(`tiles on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    async function both(
      vae: Vae,
      part: 'encode' | 'decode',
      size: readonly [number, number, number],
      options: TilingOptions,
    ): Promise<[tiled: Float32Array, whole: Float32Array]> {
      const device = await devices.open();
      const [batch, height, width] = size;
      using scope = openScope(device);
      const shape =
        part === 'decode'
          ? ([batch, 4, height, width] as const)
          : ([batch, 3, height * vae.stride, width * vae.stride] as const);
      const x = scope.tensor(uneven(shape, height + width), shape);
      const whole = part === 'decode' ? vae.decode(x) : vae.encode(x);
      const tiled = await (part === 'decode' ? decodeTiled : encodeTiled)(vae, x, options);
      expect(tiled.shape).toEqual(whole.shape);
      expect(tiled.scope).toBe(scope);
      return [await tiled.readFloats(), await whole.readFloats()];
    }

    describe.each(['encode', 'decode'] as const)('%s', (part) => {
      // The decoder sees 4 + 2 + 1.25 latent pixels to a side, the encoder no more.
      it.each([
        [1, 20, 3, { tile: 8, overlap: 16 }],
        [2, 3, 11, { tile: 5, overlap: 17 }],
        [1, 1, 3, { tile: 1, overlap: 1 }],
      ] as const)(
        'TAESD: with an overlap of twice what it sees the result is that of the whole, batch %i, %i×%i',
        async (batch, height, width, options) => {
          using vae = tiny(await devices.open());
          const [tiled, whole] = await both(vae, part, [batch, height, width], options);
          if (options.overlap > 1) expect(relative(tiled, whole)).toBeLessThan(2e-6);
          else expect(tiled).toHaveLength(whole.length);
        },
      );

      it('TAESD: with less it differs', async () => {
        using vae = tiny(await devices.open());
        const [tiled, whole] = await both(vae, part, [1, 20, 3], { tile: 8, overlap: 2 });
        expect(relative(tiled, whole)).toBeGreaterThan(1e-5);
      });

      it.each([
        [1, 7, 3, 2],
        [2, 5, 2, 1],
        [1, 9, 2, 5],
      ])(
        'AutoencoderKL: bands give the whole, normalisation and attention included, batch %i, %i×%i by %i rows',
        async (batch, height, width, tile) => {
          using vae = kl(await devices.open());
          for (const memoryBudget of [2 ** 31, 1]) {
            const [tiled, whole] = await both(vae, part, [batch, height, width], { tile, memoryBudget });
            expect(relative(tiled, whole)).toBeLessThan(5e-6);
          }
        },
      );

      it.each([
        [32, 2 ** 31],
        [32, 1],
        [4, 2 ** 31],
        [4, 1],
      ])(
        'AutoencoderKL: bands of %i rows take what the budget counts them as',
        async (rows, memoryBudget) => {
          const device = await devices.open();
          using vae = kl(device) as AutoencoderKL;
          using scope = openScope(device);
          const shape = part === 'decode' ? [1, 4, 64, 4] : [1, 3, 256, 16];
          const x = scope.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.3), shape);
          await device.synchronize();
          device.resetPeakMemory();
          const before = device.memory().inUse;
          (
            await (part === 'decode' ? decodeTiled : encodeTiled)(vae, x, { tile: rows, memoryBudget })
          ).dispose();
          const plan = { rows, keepEnlarged: memoryBudget > 1 };
          const counted = bandBytes(vae, `${part}r`, { width: 16, pixels: 16 * 256 }, plan);
          expect(device.memory().peak - before).toBeLessThanOrEqual(counted);
        },
      );

      it.each(makers)('%s: whole where the budget has room, in tiles that fit it else', async (_, make) => {
        const device = await devices.open();
        using vae = make(device);
        using scope = openScope(device);
        const shape = part === 'decode' ? [1, 4, 32, 4] : [1, 3, 128, 16];
        const x = scope.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.3), shape);
        const run = async (memoryBudget: number) => {
          const totals = new Set<number>();
          await device.synchronize();
          device.resetPeakMemory();
          const before = device.memory().inUse;
          const onProgress = ({ total }: { total: number }) => totals.add(total);
          const options = { memoryBudget, onProgress, overlap: 4 };
          (await (part === 'decode' ? decodeTiled : encodeTiled)(vae, x, options)).dispose();
          return { peak: device.memory().peak - before, total: [...totals][0] as number };
        };
        const whole = await run(2 ** 31);
        expect(whole.total).toBe(1);
        const budget = 0.8 * whole.peak;
        const tiled = await run(budget);
        expect(tiled.total).toBeGreaterThan(1);
        expect(tiled.peak).toBeLessThanOrEqual(budget);
      });
    });

    it.each(makers)('%s: progress counts up to the total', async (_, make) => {
      const device = await devices.open();
      using vae = make(device);
      using scope = openScope(device);
      const seen: [number, number][] = [];
      await decodeTiled(vae, scope.tensor(new Float32Array(4 * 64), [1, 4, 8, 8]), {
        tile: 4,
        overlap: 2,
        onProgress: ({ done, total }) => void seen.push([done, total]),
      });
      const total = seen[0]?.[1] as number;
      expect(seen).toEqual(Array.from({ length: total + 1 }, (_unused, done) => [done, total]));
    });

    it.each(makers)('%s: an abort leaves nothing in use', async (_, make) => {
      const device = await devices.open();
      using vae = make(device);
      using scope = openScope(device);
      const latent = scope.tensor(new Float32Array(4 * 64), [1, 4, 8, 8]);
      const before = device.memory().inUse;
      const abort = new AbortController();
      const reason = new Error('enough');
      const onProgress = ({ done }: { done: number }) => {
        if (done === 1) abort.abort(reason);
      };
      const options = { tile: 4, overlap: 2, signal: abort.signal, onProgress };
      await expect(decodeTiled(vae, latent, options)).rejects.toBe(reason);
      expect(device.memory().inUse).toBe(before);
      await expect(encodeTiled(vae, latent, options)).rejects.toBe(reason);
    });

    it.each<[what: string, code: string, shape: readonly number[], fill: number, options: TilingOptions]>([
      ['NaN', 'non-finite', [1, 4, 8, 8], Number.NaN, {}],
      ['a result that overflows', 'non-finite', [1, 4, 8, 8], 3e38, {}],
      ['a tile of 0', 'tile-size', [1, 4, 8, 8], 0, { tile: 0 }],
      ['half a tile', 'tile-size', [1, 4, 8, 8], 0, { tile: 2.5 }],
      ['no overlap', 'tile-size', [1, 4, 8, 8], 0, { tile: 4, overlap: 0 }],
      ['other channels', 'latent-channels', [1, 16, 8, 8], 0, {}],
    ])('decodeTiled refuses %s', async (_, code, shape, fill, options) => {
      const device = await devices.open();
      using vae = kl(device);
      using scope = openScope(device);
      const x = scope.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(fill), shape);
      const before = device.memory().inUse;
      await expect(decodeTiled(vae, x, options)).rejects.toMatchObject({ code });
      expect(device.memory().inUse).toBe(before);
    });

    it('decodeTiled refuses a latent that wants a gradient', async () => {
      const device = await devices.open();
      using vae = tiny(device);
      using scope = openScope(device);
      using tape = new Tape();
      const latent = tape.watch(scope.tensor(new Float32Array(4 * 64), [1, 4, 8, 8]));
      await expect(decodeTiled(vae, latent)).rejects.toMatchObject({ code: 'autograd-no-vjp' });
    });
  });
}
