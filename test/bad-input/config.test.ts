/** Every way in which a configuration can be wrong, one row each. */
import { FileError } from '@lua-webgpu/kernels';
import { describe, expect, it } from 'vitest';
import {
  expectedBuffers,
  expectedTensors,
  guessConfig,
  type PresetName,
  parseConfig,
  parseConfigText,
  preset,
} from '../../packages/lua-model/src/config/index.ts';

const lua = {
  in_chans: 16,
  img_size: 16,
  window_size: 8,
  depths: [4, 4],
  embed_dim: 60,
  num_heads: [6, 6],
  mlp_ratio: 2,
  head_num_feat: 64,
  heads: [{ name: 'x2', scale: 2, out_chans: 16 }],
};
const swinir = {
  window_size: 8,
  depths: [6],
  embed_dim: 60,
  num_heads: [6],
  mlp_ratio: 2,
  upsampler: 'pixelshuffle',
  upscale: 4,
};

function refusal(run: () => unknown): FileError {
  try {
    run();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

function expectRefusal(run: () => unknown, code: string, message: RegExp, fix = /./): void {
  const error = refusal(run);
  expect(error).toMatchObject({
    code,
    message: expect.stringMatching(message),
    fix: expect.stringMatching(fix),
  });
  expect(error.message.startsWith('model.json: ')).toBe(true);
}

function without(json: object, key: string): object {
  return Object.fromEntries(Object.entries(json).filter(([name]) => name !== key));
}

describe('a text that is not JSON', () => {
  it.each([
    ['', /empty/],
    ['  \n', /empty/],
    ['<!DOCTYPE html><html>', /HTML/],
    ['in_chans: 16', /not JSON/],
    ["{'in_chans': 16}", /not JSON/],
    [JSON.stringify(lua).slice(0, -1), /not JSON/],
    [`${JSON.stringify(lua)}}`, /not JSON/],
  ])('%j', (text, message) => {
    expectRefusal(() => parseConfigText(text, 'model.json'), 'config-json', message, /JSON object/);
  });
});

describe('a config that is no object', () => {
  it.each([null, [], 'flux', 3, true, undefined])('%j', (json) => {
    expectRefusal(
      () => parseConfig(json, 'model.json'),
      'config-type',
      /the config is .*, expected an object/,
    );
  });
});

type Row = [what: string, json: unknown, message: RegExp, fix?: RegExp];

const rows: Readonly<Record<string, readonly Row[]>> = {
  'config-unknown-key': [
    [
      'a misspelt key',
      { ...without(lua, 'embed_dim'), embed_dims: 60 },
      /"embed_dims", did you mean "embed_dim"/,
    ],
    ['letters swapped', { ...lua, dephts: [1] }, /did you mean "depths"/, /Write "depths"/],
    ['another case', { ...lua, ImgSize: 64 }, /did you mean "img_size"/],
    ['nothing near', { ...lua, optimiser: 'adam' }, /unknown key "optimiser"$/, /the keys are .*embed_dim/],
    [
      'in a head',
      { ...lua, heads: [{ name: 'x2', scale: 2, out_chan: 4 }] },
      /heads\[0\]\.out_chan.*"out_chans"/,
    ],
    ['heads misspelt', { ...without(lua, 'heads'), head: lua.heads }, /"head", did you mean "heads"/],
    ['of the other layout', { ...lua, upscale: 2 }, /"upscale" does not belong/, /SwinIR's own layout/],
    ['of the other layout', { ...swinir, head_num_feat: 2 }, /"head_num_feat"/, /released model's layout/],
    ['a prototype', JSON.parse(`{"__proto__": 1, ${JSON.stringify(lua).slice(1)}`), /__proto__/],
    ["an object's method", { ...lua, constructor: 1 }, /constructor/],
  ],
  'config-missing': [
    ...Object.keys(without(without(lua, 'img_size'), 'head_num_feat'))
      .filter((key) => key !== 'heads')
      .map((key): Row => [key, without(lua, key), new RegExp(`${key} is missing`)]),
    ['any layout', without(lua, 'heads'), /neither heads nor upsampler|head_num_feat/],
    ['a scale', { ...lua, heads: [{ name: 'x2' }] }, /heads\[0\]\.scale is missing/],
    ['upscale', without(swinir, 'upscale'), /upscale is missing/],
    ['upsampler', without(swinir, 'upsampler'), /upsampler is missing/, /"pixelshuffledirect"/],
  ],
  'config-type': [
    ['a string for a number', { ...lua, embed_dim: '60' }, /embed_dim is "60", expected a whole number/],
    ['a fraction', { ...lua, embed_dim: 60.5 }, /embed_dim is 60\.5, expected a whole number/],
    ['NaN', { ...lua, mlp_ratio: Number.NaN }, /mlp_ratio is NaN/],
    ['infinity', { ...lua, img_range: Number.POSITIVE_INFINITY }, /img_range is Infinity/],
    ['one number for a list', { ...lua, depths: 6 }, /depths is 6, expected a list/],
    ['a list for a number', { ...lua, window_size: [8] }, /window_size is \[8\]/],
    ['null', { ...lua, in_chans: null }, /in_chans is null/],
    ['a fraction in a list', { ...lua, num_heads: [6, 1.5] }, /num_heads\[1\] is 1\.5/],
    ['heads as an object', { ...lua, heads: { x2: { scale: 2 } } }, /heads is \{.*expected a list/],
    ['a head as a number', { ...lua, heads: [2] }, /heads\[0\] is 2, expected an object/],
    [
      'a string for a flag',
      { ...lua, heads: [{ name: 'x2', scale: 2, primary: 'yes' }] },
      /primary is "yes"/,
    ],
    ['a number for a name', { ...lua, heads: [{ name: 2, scale: 2 }] }, /heads\[0\]\.name is 2/],
    ['a number for a choice', { ...swinir, upsampler: 2 }, /upsampler is 2, expected one of/],
    ['a word for a size', { ...lua, img_size: 'big' }, /img_size is "big", expected a side, or/],
    ['a version that is none', { ...lua, format_version: '1' }, /format_version is "1"/],
  ],
  'config-range': [
    ['no channel', { ...lua, in_chans: 0 }, /in_chans is 0/],
    ['a huge width', { ...lua, embed_dim: 1e12 }, /embed_dim is 1000000000000/],
    ['beyond whole numbers', { ...lua, embed_dim: 1e300 }, /embed_dim is 1e\+300/],
    ['a window of 0', { ...lua, window_size: 0 }, /window_size is 0.*from 1 to 16/],
    ['a window of 17', { ...lua, window_size: 17, img_size: 34 }, /window_size is 17/],
    ['no layer', { ...lua, depths: [], num_heads: [] }, /depths is \[\]/],
    ['an empty layer', { ...lua, depths: [4, 0] }, /depths\[1\] is 0/],
    ['lists of two lengths', { ...lua, depths: [4, 4, 4] }, /3 layers.*\[6,6\] has 2/],
    [
      'heads that do not divide',
      { ...lua, num_heads: [6, 7] },
      /embed_dim 60 is not a multiple of num_heads 7/,
    ],
    ['a negative ratio', { ...lua, mlp_ratio: -1 }, /mlp_ratio is -1/],
    ['a ratio that leaves nothing', { ...lua, mlp_ratio: 0.01 }, /mlp_ratio 0\.01/],
    ['a range of 0', { ...lua, img_range: 0 }, /img_range is 0/],
    ['three sides', { ...lua, img_size: [8, 8, 8] }, /img_size is \[8,8,8\]/],
    ['a side of 0', { ...lua, img_size: [0, 8] }, /img_size\[0\] is 0|img_size/],
    [
      'a size of part windows',
      { ...lua, img_size: 20 },
      /img_size \[20,20\] is not a multiple of window_size 8/,
    ],
    [
      'an unknown connection',
      { ...lua, resi_connection: '2conv' },
      /"2conv", expected one of "1conv", "3conv"/,
    ],
    [
      'nothing to narrow',
      { ...lua, embed_dim: 3, num_heads: [1, 1], resi_connection: '3conv' },
      /embed_dim 3 is too small/,
    ],
    ['no head', { ...lua, heads: [] }, /heads is \[\]/],
    ['a scale of 0', { ...lua, heads: [{ name: 'x0', scale: 0 }] }, /heads\[0\]\.scale is 0/],
    [
      'a scale of 6',
      { ...lua, heads: [{ name: 'x6', scale: 6 }] },
      /heads\[0\]: scale 6/,
      /1, 2, 3, 4, 8 or 16/,
    ],
    ['a dotted name', { ...lua, heads: [{ name: 'x.2', scale: 2 }] }, /name is "x\.2"/],
    [
      'one name twice',
      {
        ...lua,
        heads: [
          { name: 'x2', scale: 2 },
          { name: 'x2', scale: 4 },
        ],
      },
      /two heads are called "x2"/,
    ],
    [
      'one scale twice',
      {
        ...lua,
        heads: [
          { name: 'a', scale: 2 },
          { name: 'b', scale: 2 },
        ],
      },
      /two heads have scale 2/,
    ],
    [
      'two primary heads',
      {
        ...lua,
        heads: [
          { name: 'x2', scale: 2, primary: true },
          { name: 'x4', scale: 4, primary: true },
        ],
      },
      /2 heads are primary: x2, x4/,
    ],
    ['a primary head that is not there', { ...lua, primary_head: 'x4' }, /"x4", but no head/, /one of x2/],
    [
      'a primary head beside a marked one',
      {
        ...lua,
        primary_head: 'x4',
        heads: [
          { name: 'x2', scale: 2, primary: true },
          { name: 'x4', scale: 4 },
        ],
      },
      /"x4", but head "x2" is marked/,
    ],
    [
      'an unknown upsampler',
      { ...swinir, upsampler: 'bicubic' },
      /"bicubic", expected one of "pixelshuffle"/,
    ],
    ['nearest+conv by 3', { ...swinir, upsampler: 'nearest+conv', upscale: 3 }, /scale 3/, /2 or 4/],
    ['direct by 5', { ...swinir, upsampler: 'pixelshuffledirect', upscale: 5 }, /scale 5/],
    [
      'denoising by 2',
      { ...swinir, upsampler: '', upscale: 2 },
      /scale 2 with upsampler ""/,
      /keeps its size/,
    ],
    ['a mean of two', { ...swinir, mean: [0.5, 0.5] }, /mean has 2 numbers for in_chans 3/],
    ['a mean that fits no output', { ...lua, in_chans: 3 }, /out_chans 16, but the mean of 3/],
    ['a version before the first', { ...lua, format_version: 0 }, /format_version is 0/],
  ],
  'config-unsupported': [
    ['no bias', { ...lua, qkv_bias: false }, /qkv_bias is false, but here it is always true/],
    ['a position embedding', { ...lua, ape: true }, /ape is true/],
    ['no norm', { ...lua, patch_norm: false }, /patch_norm is false/],
    ['patches', { ...lua, patch_size: 4 }, /patch_size is 4/],
    ['dropout', { ...lua, drop_rate: 0.1 }, /drop_rate is 0\.1/],
    ['dropout in attention', { ...swinir, attn_drop_rate: 0.1 }, /attn_drop_rate/],
    ['other stochastic depth', { ...lua, drop_path_rate: 0.2 }, /drop_path_rate is 0\.2/, /Remove it/],
    ['another attention scale', { ...lua, qk_scale: 0.125 }, /qk_scale is 0\.125/],
    ['heads of two widths', { ...lua, heads: [{ name: 'x2', scale: 2, num_feat: 32 }] }, /num_feat 32.* 64/],
  ],
  'config-version': [
    ['the next', { ...lua, format_version: 2 }, /format_version is 2, this program knows 1/, /Update/],
    ['with keys of its own', { format_version: 7, layers: [] }, /format_version is 7/],
  ],
};

describe.each(Object.entries(rows))('%s', (code, table) => {
  it.each(table)('%s', (_what, json, message, fix) => {
    expectRefusal(() => parseConfig(json, 'model.json'), code, message, fix);
  });
});

it('several problems are told at once, unknown keys first', () => {
  const { code, message } = refusal(() =>
    parseConfig({ ...lua, window_size: 0, embed_dim: 'x', typo: 1 }, 'model.json'),
  );
  expect(code).toBe('config-unknown-key');
  expect(message).toMatch(/^model\.json: unknown key "typo"; window_size is 0.*; embed_dim is "x"/);
});

describe('a preset', () => {
  it('that does not exist', () => {
    const error = refusal(() => preset('fluxx' as PresetName));
    expect(error).toMatchObject({
      code: 'config-preset',
      fix: expect.stringMatching(/Did you mean flux.*tiny/),
    });
    expect(refusal(() => preset('__proto__' as PresetName)).code).toBe('config-preset');
  });

  it.each([[[5]], [[]], [[2, 2]]])('with the scales %j', (scales) => {
    expect(refusal(() => preset('tiny', { scales })).code).toBe('config-range');
  });
});

describe('a state dict of another network', () => {
  const shapes = (...names: string[]) => new Map(names.map((name) => [name, { shape: [8, 8, 3, 3] }]));
  const tiny = preset('tiny', { in_chans: 4 });
  const network = () =>
    new Map([...expectedTensors(tiny), ...expectedBuffers(tiny)].map(([name, shape]) => [name, { shape }]));
  const changed = (name: string, shape: number[]) => network().set(name, { shape });
  const lacking = (name: string) => {
    const tensors = network();
    if (!tensors.delete(name)) throw new Error(`there is no ${name}`);
    return tensors;
  };
  const block = 'layers.1.residual_group.blocks.1';
  const table = 'layers.0.residual_group.blocks.0.attn.relative_position_bias_table';

  it.each([
    ['nothing', shapes(), /conv_first\.weight is missing$/],
    [
      'a diffusers VAE',
      shapes('encoder.conv_in.weight', 'decoder.up_blocks.0.resnets.0.weight'),
      /looks like a VAE/,
    ],
    ['a VAE in a checkpoint', shapes('first_stage_model.decoder.conv_in.weight'), /looks like a VAE/],
    ['TAESD', shapes('0.weight', '0.bias', '3.conv.0.weight'), /looks like a TAESD autoencoder/],
    ['a UNet', shapes('down_blocks.0.resnets.0.conv1.weight', 'conv_in.weight'), /looks like the UNet/],
    ['a UNet', shapes('input_blocks.0.0.weight', 'time_embed.0.weight'), /looks like the UNet/],
    ['Stable Diffusion', shapes('model.diffusion_model.input_blocks.0.0.weight'), /whole Stable Diffusion/],
    ['FLUX', shapes('double_blocks.0.img_attn.qkv.weight'), /a diffusion transformer/],
    ['a LoRA', shapes('transformer.blocks.0.attn.lora_A.weight'), /a LoRA adapter/],
    ['an ESRGAN', shapes('conv_first.weight', 'body.0.rdb1.conv1.weight'), /an ESRGAN/],
    ['a latent', shapes('latent'), /a latent, not a model/],
    ['latents of several pictures', shapes('dog/latent', 'dog/x2'), /a latent, not a model/],
    ['without blocks', lacking(table), /relative_position_bias_table is missing/],
    ['a table of no window', changed(table, [200, 4]), /has 200 rows/],
    ['a table of rank 1', changed(table, [225]), /is \[225\]/],
    ['a convolution of rank 2', changed('conv_first.weight', [32, 4]), /conv_first\.weight is \[32,4\]/],
    ['a tensor of no elements', changed('conv_first.weight', [0, 4, 3, 3]), /is \[0,4,3,3\]/],
    ['a scalar', changed('conv_first.weight', []), /conv_first\.weight is \[\]/],
    ['a kernel of 5', changed('conv_first.weight', [32, 4, 5, 5]), /is \[32,4,5,5\], not \[32,4,3,3\]/],
    ['one bias less', lacking(`${block}.attn.qkv.bias`), /blocks\.1\.attn\.qkv\.bias is missing/],
    ['one shape off', changed(`${block}.mlp.fc2.weight`, [32, 60]), /is \[32,60\], not \[32,64\]/],
    ['a position embedding', changed('absolute_pos_embed', [1, 64, 32]), /absolute_pos_embed has no place/],
    ['a Swin2SR', changed(`${block}.attn.logit_scale`, [4, 1, 1]), /logit_scale has no place; .* a Swin2SR/],
    ['a HAT', changed('layers.0.residual_group.overlap_attn.qkv.weight', [96, 32]), /a HAT upscaler/],
    [
      'a mask of no image',
      changed(`${block}.attn_mask`, [7, 64, 64]),
      /attn_mask is \[7,64,64\], not \[64,64,64\]/,
    ],
    [
      'masks of no image',
      changed('layers.0.residual_group.blocks.1.attn_mask', [7, 64, 64]),
      /no mask of an image/,
    ],
    [
      'an index of another window',
      changed(`${block}.attn.relative_position_index`, [49, 49]),
      /is \[49,49\]/,
    ],
    ['a shuffle by 5', changed('heads.x2.upsample.0.weight', [160, 32, 3, 3]), /widens 32 channels to 160/],
    ['half a head', lacking('heads.x4.conv_last.weight'), /heads\.x4\.conv_last\.weight is missing/],
  ])('%s', (_what, tensors, message) => {
    expectRefusal(
      () => guessConfig(tensors, 'model.json'),
      'config-unrecognised',
      message,
      /Give the weights/,
    );
  });

  it('under a prefix', () => {
    const tensors = new Map([...network()].map(([name, tensor]) => [`net_g.${name}`, tensor]));
    expectRefusal(
      () => guessConfig(tensors, 'model.json'),
      'config-unrecognised',
      /missing/,
      /begin with "net_g\."/,
    );
  });

  it('without a head', () => {
    const tensors = new Map([...network()].filter(([name]) => !name.startsWith('heads')));
    expectRefusal(() => guessConfig(tensors, 'model.json'), 'config-unrecognised', /there is no head/);
  });

  it('a SwinIR with windows beyond what runs here', () => {
    const tensors = changed(table, [(2 * 24 - 1) ** 2, 4]);
    for (const name of [...tensors.keys()]) if (name.endsWith('attn_mask')) tensors.delete(name);
    expectRefusal(() => guessConfig(tensors, 'model.json'), 'config-range', /window_size is 24/);
  });
});
