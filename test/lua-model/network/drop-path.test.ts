import { type Device, dropThreshold, uniformOfSample } from '@lua-webgpu/kernels';
import {
  createLua,
  type DropPath,
  type Lua,
  parseConfig,
  type RunBlock,
  runRecomputed,
  runStored,
} from '@lua-webgpu/lua-model';
import {
  add,
  affine,
  backward,
  type Conv2d,
  type Group,
  type LayerNorm,
  type Module,
  type ModuleList,
  mean,
  openScope,
  type Scope,
  square,
  Tape,
  type Tensor,
  toChannelsFirst,
  toChannelsLast,
} from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededValues } from '../../support/compare.ts';
import { openTestDevice } from '../../support/network.ts';

interface Layer extends Module {
  forward(x: Tensor): Tensor;
}
interface Block extends Module {
  members(): { norm1: Layer; attn: Layer; norm2: Layer; mlp: Layer };
}
interface Residual extends Module {
  members(): { residual_group: Group<{ blocks: ModuleList<Block> }>; conv: Layer };
}
interface Parts {
  readonly conv_first: Conv2d;
  readonly patch_embed: Group<{ norm: LayerNorm }>;
  readonly layers: ModuleList<Residual>;
  readonly norm: LayerNorm;
  readonly conv_after_body: Layer;
  readonly heads: Group<{ x2: Layer }>;
}

const depths = [2, 1];
const blocks = 3;
const batch = 5;
const latent = { shape: [batch, 4, 8, 8], data: Float32Array.from(seededValues(1, batch * 256)) };
const drop: Required<DropPath> = { seed: 9, step: 41, firstSample: 30, rate: 0.6, stream: 100 };

let device: Device;
let model: Lua;
beforeAll(async () => {
  device = await openTestDevice();
  const config = parseConfig(
    {
      ...{ img_size: 16, in_chans: 4, window_size: 4, img_range: 1, depths, embed_dim: 8, num_heads: [2, 2] },
      ...{ mlp_ratio: 2, resi_connection: '1conv', head_num_feat: 4 },
      heads: [{ name: 'x2', scale: 2, out_chans: 4 }],
    },
    'test',
  );
  model = createLua(device, config, { seed: 3 });
});
afterAll(() => {
  model.dispose();
  device.destroy();
});

/** What the network gives with `dropPath`: the output ×2. */
async function upscaled(dropPath?: DropPath, run: RunBlock = runStored, samples = [0, batch]) {
  using scope = openScope(device);
  const [first = 0, end = 0] = samples;
  const x = scope.tensor(latent.data.subarray(256 * first, 256 * end), [end - first, 4, 8, 8]);
  return await (model.forward(x, [2], run, dropPath).get(2) as Tensor).readFloats();
}

/** Whether a sample skips a branch, from the generator on the host. */
function skips(index: number, branch: 0 | 1, sample: number): boolean {
  const stream = drop.stream + 2 * index + branch;
  const u = uniformOfSample({ seed: drop.seed, step: drop.step, stream }, drop.firstSample + sample);
  return u < dropThreshold((drop.rate * index) / (blocks - 1)) / 2 ** 24;
}

/** One sample through the parts of the network, without the branches that it skips and the others scaled up. */
function byHand(scope: Scope, sample: number): Tensor {
  const parts = model.members() as unknown as Parts;
  const x = scope.tensor(latent.data.subarray(256 * sample, 256 * (sample + 1)), [1, 4, 8, 8]);
  const shallow = parts.conv_first.forward(toChannelsLast(x));
  let tokens = parts.patch_embed.parts.norm.forward(shallow);
  let index = 0;
  for (const layer of parts.layers.items) {
    const { residual_group, conv } = layer.members();
    let inner = tokens;
    for (const block of residual_group.parts.blocks.items) {
      const { norm1, attn, norm2, mlp } = block.members();
      const scale = 1 / (1 - (drop.rate * index) / (blocks - 1));
      const residual = (branch: 0 | 1, compute: (x: Tensor) => Tensor) => {
        if (!skips(index, branch, sample)) inner = add(inner, affine(compute(inner), { scale, offset: 0 }));
      };
      residual(0, (t) => attn.forward(norm1.forward(t)));
      residual(1, (t) => mlp.forward(norm2.forward(t)));
      index += 1;
    }
    tokens = add(conv.forward(inner), tokens);
  }
  const features = add(parts.conv_after_body.forward(parts.norm.forward(tokens)), shallow);
  return toChannelsFirst(parts.heads.parts.x2.forward(features), { channels: 4 });
}

describe('stochastic depth in the network', () => {
  it('is off by default, and a rate of 0 gives the bits of inference', async () => {
    const inference = await upscaled();
    expect(await upscaled({ ...drop, rate: 0 })).toEqual(inference);
    expect(await upscaled(drop)).not.toEqual(inference);
  });

  it('skips the branches that the generator says, at a rate that rises to the last block', async () => {
    const decisions = Array.from({ length: batch }, (_, sample) =>
      [0, 1, 2].map((index) => [skips(index, 0, sample), skips(index, 1, sample)]),
    );
    expect(decisions.map(([first]) => first)).toEqual(decisions.map(() => [false, false]));
    const last = decisions.flatMap((sample) => sample[2]);
    expect(new Set(last).size).toBe(2);
    expect(decisions.some((sample) => sample[2]?.[0] !== sample[2]?.[1])).toBe(true);
    const actual = await upscaled(drop);
    for (let sample = 0; sample < batch; sample++) {
      using scope = openScope(device);
      const expected = await byHand(scope, sample).readFloats();
      const difference = expected.map((value, i) => Math.abs(value - (actual[sample * 1024 + i] as number)));
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(difference.reduce((most, value) => Math.max(most, value), 0)).toBeLessThan(3e-6 * largest);
    }
  });

  it('drops 0.1 in the last block unless told otherwise', async () => {
    const { rate: _, ...rest } = drop;
    expect(await upscaled(rest)).toEqual(await upscaled({ ...drop, rate: 0.1 }));
  });

  it('other steps, seeds and streams skip others', async () => {
    const outputs = [drop, { ...drop, step: 42 }, { ...drop, seed: 10 }, { ...drop, stream: 0 }].map((each) =>
      upscaled(each),
    );
    const texts = (await Promise.all(outputs)).map((values) => values.join());
    expect(new Set(texts).size).toBe(4);
  });

  it('micro-batches skip what the whole batch does, to the bit', async () => {
    const parts = [
      await upscaled(drop, runStored, [0, 2]),
      await upscaled({ ...drop, firstSample: drop.firstSample + 2 }, runStored, [2, batch]),
    ];
    expect(Float32Array.from(parts.flatMap((part) => [...part]))).toEqual(await upscaled(drop));
  });

  it('recomputed blocks skip the same: gradients to the bit', async () => {
    const gradients = async (run: RunBlock) => {
      using scope = openScope(device);
      using tape = new Tape();
      const x = tape.watch(scope.tensor(latent.data, latent.shape));
      using found = backward(mean(square(model.forward(x, [2], run, drop).get(2) as Tensor)));
      const all = new Map([['x', await found.of(x)?.readFloats()]]);
      for (const [name, parameter] of model.namedParameters()) {
        all.set(name, await found.of(parameter)?.readFloats());
      }
      return all;
    };
    const stored = await gradients(runStored);
    expect([...stored.values()].every((each) => each?.some((value) => value !== 0))).toBe(true);
    expect(await gradients(runRecomputed)).toEqual(stored);
  });

  it('refuses rates and numbers that it cannot take', async () => {
    for (const wrong of [{ rate: 1.5 }, { rate: -0.1 }, { rate: Number.NaN }, { seed: -1 }, { step: 0.5 }]) {
      await expect(upscaled({ ...drop, ...wrong })).rejects.toMatchObject({ code: 'attribute-invalid' });
    }
  });
});
