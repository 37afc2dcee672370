import {
  AutoencoderKL,
  AutoencoderTiny,
  profileOf,
  type RunBlock,
  runRecomputed,
  runStored,
  type Vae,
} from '@lua-webgpu/lua-model';
import { backward, openScope, Tape } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const makers: Readonly<Record<string, () => Vae>> = {
  AutoencoderTiny: () =>
    new AutoencoderTiny(
      { latentChannels: 4, width: 16, encoderBlocks: [2, 2], decoderBlocks: [2, 2] },
      profileOf('sdxl'),
    ),
  AutoencoderKL: () =>
    new AutoencoderKL(
      {
        latent_channels: 4,
        block_out_channels: [16, 16],
        layers_per_block: 2,
        norm_num_groups: 8,
        mid_block_add_attention: true,
        use_quant_conv: true,
        use_post_quant_conv: true,
      },
      profileOf('sdxl'),
    ),
};

for (const adapter of await adapterCases()) {
  describe(`a loss behind the decoder on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    describe.each(Object.keys(makers))('%s', (name) => {
      /** Decodes an 8×8 latent and walks back; what was kept in between, and what was held at most. */
      async function run(frozen: boolean, block: RunBlock) {
        const device = await devices.open();
        using vae = makers[name]?.() as Vae;
        vae.initialize(device, 3);
        if (frozen) vae.freeze();
        const decoder = [...vae.namedParameters()].filter(([each]) => !/^(encoder|quant_conv)/.test(each));
        using scope = openScope(device);
        using tape = new Tape();
        const data = Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i));
        const latent = tape.watch(scope.tensor(data, [1, 4, 8, 8]));
        await device.synchronize();
        device.resetPeakMemory();
        const before = device.memory().inUse;
        const image = vae.decode(latent, block);
        const kept = device.memory().inUse - before;
        const seed = scope.tensor(new Float32Array(image.size).fill(1), image.shape);
        using gradients = backward(image, { gradient: seed });
        const gradient = await gradients.of(latent)?.readFloats();
        const peak = device.memory().peak - before;
        return { size: gradients.size, parameters: decoder.length, gradient, kept, peak };
      }

      it('frozen, gives the latent a gradient and nothing else, the same as unfrozen', async () => {
        const frozen = await run(true, runStored);
        const trained = await run(false, runStored);
        expect(frozen.size).toBe(1);
        expect(trained.size).toBe(1 + trained.parameters);
        expect(frozen.gradient).toEqual(trained.gradient);
        expect(frozen.gradient?.some((value) => value !== 0)).toBe(true);
        expect(frozen.kept).toBeLessThan(trained.kept);
        expect(frozen.peak).toBeLessThan(trained.peak);
      });

      it('recomputed, keeps less, and gives the same gradient', async () => {
        const stored = await run(true, runStored);
        const recomputed = await run(true, runRecomputed);
        expect(recomputed.gradient).toEqual(stored.gradient);
        expect(recomputed.size).toBe(1);
        expect(recomputed.kept).toBeLessThan(stored.kept / 2);
        expect(recomputed.peak).toBeLessThan(stored.peak);
      });
    });

    it('leaves no memory in use', async () => {
      expect((await devices.open()).memory().inUse).toBe(0);
    });
  });
}
