import type { Device } from '@lua-webgpu/kernels';
import { type Lua, loadLua, parseConfig } from '@lua-webgpu/lua-model';
import {
  add,
  type Conv2d,
  conv2d,
  type Group,
  type LayerNorm,
  type Module,
  type ModuleList,
  openScope,
  permute,
  type Tensor,
} from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, type GoldenOutput, goldenCase, goldenPath } from '../../golden/load.ts';
import { modelWith, openTestDevice, run } from '../../support/network.ts';

let device: Device;
beforeAll(async () => {
  device = await openTestDevice();
});
afterAll(() => device.destroy());

function expectGolden(
  golden: GoldenOutput,
  actual: { shape: readonly number[]; data: ArrayLike<number> },
  what: string,
): void {
  const { error, at } = compareGolden(golden, actual.data, actual.shape);
  expect(error, `${what}: relative error at element ${at}`).toBeLessThanOrEqual(golden.tolerance);
}

const networks = [
  'light_x2_c4_stages',
  'light_x4_c16_3conv',
  'released_window16',
  'tiny_window8',
  'unshifted_img8_window8',
  'unshifted_img8_window16',
  'rgb_pixelshuffle_x4',
  'rgb_nearest_conv_x4',
];

describe('the network against PyTorch', () => {
  it.each(networks)('%s', async (name) => {
    const golden = goldenCase(name);
    using model = modelWith(device, parseConfig(golden.config, name), golden.params());
    let compared = 0;
    for (const [key, input] of golden.inputs) {
      if (!key.endsWith('in.x')) continue;
      const results = await run(model, device, input);
      for (const [scale, actual] of results) {
        const prefix = key.replace('in.x', '');
        const expected =
          golden.outputs.get(`${prefix}out.x${scale}`) ?? entry(golden.outputs, `${prefix}out.y`);
        expectGolden(expected, actual, `${prefix}×${scale}`);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(0);
  });

  it('loads the released layout from a .pth and takes the EMA', async () => {
    const golden = goldenCase('released_window16');
    using model = await loadLua(device, goldenPath('released_window16.pth'), {
      config: parseConfig(golden.config, 'golden'),
    });
    const results = await run(
      model,
      device,
      entry(golden.inputs, [...golden.inputs.keys()].find((key) => key.endsWith('in.x')) ?? ''),
    );
    for (const [scale, actual] of results) {
      const [, expected] = [...golden.outputs].find(([key]) => key.endsWith(`out.x${scale}`)) ?? [];
      expectGolden(expected as GoldenOutput, actual, `×${scale}`);
    }
  });
});

describe('every stage of light ×2 against PyTorch', () => {
  it('agrees from the first convolution to the output', async () => {
    const golden = goldenCase('light_x2_c4_stages');
    using model = modelWith(device, parseConfig(golden.config, 'golden'), golden.params());
    using scope = openScope(device);
    const [, input] = [...golden.inputs].find(([key]) => key.endsWith('in.x')) ?? [];
    if (!input) throw new Error('no input');
    const stages = collectStages(
      model,
      scope.tensor(toChannelsLast(input.data, input.shape), lastShape(input.shape)),
    );
    const expectedStages = [...golden.outputs.keys()].filter((key) => key.startsWith('stage.'));
    expect([...stages.keys()].sort()).toEqual(expectedStages.sort());
    for (const [name, tensor] of stages) {
      const expected = entry(golden.outputs, name);
      const values = await tensor.readFloats();
      const nchw = expected.shape.length === 4 && expected.shape.join() !== tensor.shape.join();
      const actual = nchw
        ? { shape: expected.shape, data: toChannelsFirst(values, tensor.shape) }
        : { shape: tensor.shape, data: values };
      expectGolden(expected, actual, name);
    }
  });
});

interface Block extends Module {
  members(): { norm1: LayerNorm; attn: Module & Layer; norm2: LayerNorm; mlp: Module & Layer };
  forward(x: Tensor): Tensor;
}
interface Layer {
  forward(x: Tensor): Tensor;
}

/** Calls the parts of the network one by one, as `Lua.forward` does. Window 8 divides the golden latent. */
function collectStages(model: Lua, x: Tensor): Map<string, Tensor> {
  const parts = model.members() as {
    conv_first: Conv2d;
    patch_embed: Group<{ norm: LayerNorm }>;
    layers: ModuleList<Module & Layer>;
    norm: LayerNorm;
    conv_after_body: Conv2d;
    upsample: Group<{ 0: Conv2d }>;
  };
  const stages = new Map<string, Tensor>();
  const note = (name: string, tensor: Tensor) => {
    stages.set(`stage.${name}`, tensor);
    return tensor;
  };
  const shallow = note('conv_first', parts.conv_first.forward(x));
  let tokens = note('patch_embed.norm', parts.patch_embed.parts.norm.forward(shallow));
  const first = parts.layers.items[0]?.members() as { residual_group: Group<{ blocks: ModuleList<Block> }> };
  let inner = tokens;
  first.residual_group.parts.blocks.items.forEach((block, j) => {
    const { norm1, attn, norm2, mlp } = block.members();
    const normed = norm1.forward(inner);
    if (j === 0) note('layer0.block0.norm1', normed);
    if (j <= 1) {
      const attended = note(`layer0.block${j}.attention`, attn.forward(normed));
      if (j === 0) note('layer0.block0.mlp', mlp.forward(norm2.forward(add(inner, attended))));
    }
    inner = note(`layer0.block${j}`, block.forward(inner));
  });
  parts.layers.items.forEach((layer, i) => {
    tokens = note(`layer${i}`, layer.forward(tokens));
  });
  const body = note(
    'conv_after_body',
    parts.conv_after_body.forward(note('norm', parts.norm.forward(tokens))),
  );
  // Conv2d's own forward: the head's would shuffle.
  const head = parts.upsample.parts[0];
  const wide = conv2d(add(body, shallow), head.weight.tensor, { bias: head.bias?.tensor, padding: 1 });
  stages.set('stage.upsample.0', unshuffleChannels(wide));
  return stages;
}

/** The packed order of a shuffle's input, (i·r + j)·C + c, back to PyTorch's c·r² + i·r + j; r = 2. */
function unshuffleChannels(wide: Tensor): Tensor {
  const [batch = 0, height = 0, width = 0, channels = 0] = wide.shape;
  const split = wide.reshape([batch, height, width, 4, channels / 4]);
  return permute(split, [0, 1, 2, 4, 3]).reshape([batch, height, width, channels]);
}

const lastShape = ([b = 0, c = 0, h = 0, w = 0]: readonly number[]) => [b, h, w, c];

function toChannelsLast(data: Float32Array, [b = 0, c = 0, h = 0, w = 0]: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  for (let n = 0; n < b; n++)
    for (let k = 0; k < c; k++)
      for (let i = 0; i < h * w; i++) out[(n * h * w + i) * c + k] = data[(n * c + k) * h * w + i] as number;
  return out;
}

function toChannelsFirst(data: Float32Array, [b = 0, h = 0, w = 0, c = 0]: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  for (let n = 0; n < b; n++)
    for (let k = 0; k < c; k++)
      for (let i = 0; i < h * w; i++) out[(n * c + k) * h * w + i] = data[(n * h * w + i) * c + k] as number;
  return out;
}
