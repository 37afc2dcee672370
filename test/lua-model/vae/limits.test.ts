import { AutoencoderKL, AutoencoderTiny, profileOf, runRecomputed, type Vae } from '@lua-webgpu/lua-model';
import { afterAll, describe, expect, it } from 'vitest';
import type { HostTensor } from '../../golden/params.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';
import { runVae } from './support.ts';

const makers: Readonly<Record<string, () => Vae>> = {
  AutoencoderTiny: () =>
    new AutoencoderTiny(
      { latentChannels: 4, width: 32, encoderBlocks: [1, 1], decoderBlocks: [1, 1] },
      profileOf('sdxl'),
    ),
  AutoencoderKL: () =>
    new AutoencoderKL(
      {
        latent_channels: 4,
        block_out_channels: [16, 32],
        layers_per_block: 1,
        norm_num_groups: 16,
        mid_block_add_attention: true,
        use_quant_conv: false,
        use_post_quant_conv: false,
      },
      profileOf('sdxl'),
    ),
};

for (const adapter of await adapterCases()) {
  describe(`maps beyond one binding on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(Object.keys(makers))(
      '%s: encode, decode and the gradient are what they are otherwise',
      async (name) => {
        const input = (seed: number, shape: readonly number[]): HostTensor => ({
          shape,
          data: Float32Array.from(
            seededValues(
              seed,
              shape.reduce((a, b) => a * b, 1),
            ),
          ),
        });
        const inputs = {
          image: input(1, [1, 3, 40, 24]),
          latent: input(2, [1, 4, 20, 12]),
          cotangent: input(3, [1, 3, 40, 24]),
        };
        const run = async (limits: Record<string, number>) => {
          const device = await devices.open({ limits });
          using vae = makers[name]?.() as Vae;
          vae.initialize(device, 4);
          vae.freeze();
          return { device, results: await runVae(device, vae, inputs, runRecomputed) };
        };
        const plain = await run({});
        // The largest weights have 36,864 bytes, the largest maps 122,880.
        const bound = await run({ maxStorageBufferBindingSize: 65_536 });
        expect(bound.device.capabilities.limits.maxStorageBufferBindingSize).toBe(65_536);
        for (const [key, { data }] of plain.results) {
          const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
          const found = bound.results.get(key)?.data as Float32Array;
          const worst = found.reduce(
            (max, value, i) => Math.max(max, Math.abs(value - (data[i] as number))),
            0,
          );
          expect(worst / largest, key).toBeLessThan(2e-6);
        }
      },
    );
  });
}
