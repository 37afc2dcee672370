/** Both layouts of configuration files become the same description; bad ones are in test/bad-input. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  configToJson,
  isPresetName,
  parameterCount,
  parseConfig,
  parseConfigText,
  preset,
  presetNames,
  windowing,
} from '../../../packages/lua-model/src/config/index.ts';
import { anyConfig } from './arbitrary.ts';

const released = {
  in_chans: 16,
  img_size: 16,
  window_size: 8,
  img_range: 1.0,
  depths: [4, 4],
  embed_dim: 60,
  num_heads: [6, 6],
  mlp_ratio: 2,
  resi_connection: '1conv',
  head_num_feat: 64,
  heads: [{ name: 'x2', scale: 2, out_chans: 16, primary: true }],
};
const original = {
  window_size: 8,
  depths: [6],
  embed_dim: 60,
  num_heads: [6],
  mlp_ratio: 2,
  upsampler: 'pixelshuffle',
  upscale: 4,
};

describe('the released layout', () => {
  it('keeps every field', () => {
    expect(parseConfig(released, 'x.json')).toEqual({
      ...released,
      img_size: [16, 16],
      mean: [],
      heads: [{ name: 'x2', scale: 2, out_chans: 16, upsampler: 'pixelshuffle', primary: true }],
      names: 'lua',
    });
  });

  it('fills in the defaults of the released class', () => {
    const {
      img_size: _size,
      img_range: _range,
      resi_connection: _kind,
      head_num_feat: _width,
      ...least
    } = released;
    const config = parseConfig({ ...least, heads: [{ name: 'x2', scale: 2 }] }, 'x.json');
    expect(config).toMatchObject({
      img_size: [64, 64],
      img_range: 1,
      resi_connection: '1conv',
      head_num_feat: 64,
    });
    expect(config.heads).toEqual([
      { name: 'x2', scale: 2, out_chans: 16, upsampler: 'pixelshuffle', primary: true },
    ]);
  });

  it.each([
    ['the largest scale', {}, {}, 'x4'],
    ['the marked head', { primary: true }, {}, 'x2'],
    ['primary_head', {}, { primary_head: 'x2' }, 'x2'],
    ['both, agreeing', { primary: true }, { primary_head: 'x2' }, 'x2'],
    ['primary: false', { primary: false }, {}, 'x4'],
  ])('%s is primary', (_what, mark, extra, name) => {
    const heads = [
      { name: 'x2', scale: 2, ...mark },
      { name: 'x4', scale: 4 },
    ];
    const config = parseConfig({ ...released, heads, ...extra }, 'x.json');
    expect(config.heads.filter(({ primary }) => primary).map((head) => head.name)).toEqual([name]);
  });

  it("takes the options of PyTorch's class where they ask for what we compute", () => {
    const options = {
      ...{ qkv_bias: true, qk_scale: null, ape: false, patch_norm: true, patch_size: 1, drop_rate: 0 },
      ...{ attn_drop_rate: 0, drop_path_rate: 0.1, use_checkpoint: true, use_sdpa: false, format_version: 1 },
    };
    const plain = parseConfig(released, 'x.json');
    expect(parseConfig({ ...released, ...options }, 'x.json')).toEqual(plain);
    expect(parseConfig({ ...released, qk_scale: 10 ** -0.5 }, 'x.json')).toEqual(plain);
    const heads = [{ name: 'x2', scale: 2, upsampler: 'pixelshuffle', num_feat: 64 }];
    expect(parseConfig({ ...released, heads }, 'x.json')).toEqual(plain);
  });
});

describe("SwinIR's own layout", () => {
  it('is one head, with three channels and their mean where nothing else is said', () => {
    expect(parseConfig(original, 'x.json')).toEqual({
      in_chans: 3,
      img_size: [64, 64],
      window_size: 8,
      img_range: 1,
      mean: [0.4488, 0.4371, 0.404],
      depths: [6],
      embed_dim: 60,
      num_heads: [6],
      mlp_ratio: 2,
      resi_connection: '1conv',
      head_num_feat: 64,
      heads: [{ name: 'x4', scale: 4, out_chans: 3, upsampler: 'pixelshuffle', primary: true }],
      names: 'swinir',
    });
  });

  it.each([1, 4, 16])('has no mean for %i channels', (in_chans) => {
    const config = parseConfig({ ...original, in_chans }, 'x.json');
    expect(config.mean).toEqual([]);
    expect(config.heads[0]?.out_chans).toBe(in_chans);
  });

  it.each([{ upsampler: '' }, { upsampler: null }, { upsampler: '', upscale: 1 }])('denoises: %j', (head) => {
    const { upscale: _scale, ...rest } = original;
    const config = parseConfig({ ...rest, ...head }, 'x.json');
    expect(config.heads).toEqual([{ name: 'x1', scale: 1, out_chans: 3, upsampler: '', primary: true }]);
  });
});

describe('any configuration', () => {
  it('comes back from its JSON text', () => {
    fc.assert(
      fc.property(anyConfig, (config) => {
        expect(parseConfigText(JSON.stringify(configToJson(config)), 'any')).toEqual(config);
      }),
    );
    const means = [[], [0.1, 0.2, 0.3]].map((mean) => parseConfig({ ...original, mean }, 'x.json'));
    for (const config of means) expect(parseConfig(configToJson(config), 'x.json')).toEqual(config);
  });

  it('may begin with a byte order mark', () => {
    expect(parseConfigText(`\uFEFF${JSON.stringify(released)}`, 'x')).toEqual(parseConfig(released, 'x'));
  });
});

describe('windows', () => {
  const at = (img_size: number | number[], window_size: number) =>
    windowing(parseConfig({ ...released, img_size, window_size }, 'x'));
  it('shift by half, unless one covers the shorter side of the image', () => {
    expect(at(16, 8)).toEqual({ window: 8, shift: 4 });
    expect(at(126, 7)).toEqual({ window: 7, shift: 3 });
    expect(at(8, 8)).toEqual({ window: 8, shift: 0 });
    expect(at([6, 64], 8)).toEqual({ window: 6, shift: 0 });
  });
});

describe('presets', () => {
  it("have the table's sizes", () => {
    expect(presetNames).toEqual(['flux', 'classical', 'light', 'tiny']);
    expect(presetNames.every(isPresetName) && !isPresetName('toString')).toBe(true);
    // 54.9 M and 1.42 / 1.44 M in the paper's and this project's tables; all counted by hand from the layer list.
    expect(parameterCount(preset('flux'))).toBe(54_917_584);
    expect(parameterCount(preset('light', { in_chans: 4 }))).toBe(1_421_200);
    expect(parameterCount(preset('light', { in_chans: 16 }))).toBe(1_441_528);
    expect(parameterCount(preset('light', { in_chans: 4, scales: [2] }))).toBe(1_088_844);
    expect(parameterCount(preset('classical', { in_chans: 4 }))).toBe(12_156_160);
    expect(parameterCount(preset('tiny'))).toBeLessThan(250_000);
  });

  it('flux is the released model', () => {
    const config = preset('flux');
    expect(config).toEqual({
      in_chans: 16,
      img_size: [32, 32],
      window_size: 16,
      img_range: 1,
      mean: [],
      depths: [6, 6, 6, 6, 6, 6],
      embed_dim: 360,
      num_heads: [12, 12, 12, 12, 12, 12],
      mlp_ratio: 2,
      resi_connection: '1conv',
      head_num_feat: 256,
      heads: [
        { name: 'x2', scale: 2, out_chans: 16, upsampler: 'pixelshuffle', primary: false },
        { name: 'x4', scale: 4, out_chans: 16, upsampler: 'pixelshuffle', primary: true },
      ],
      names: 'lua',
    });
  });

  it('take channels and scales', () => {
    const config = preset('light', { in_chans: 4, scales: [4] });
    expect(config).toMatchObject({ in_chans: 4, img_size: [64, 64], window_size: 8, head_num_feat: 64 });
    expect(config.heads).toEqual([
      { name: 'x4', scale: 4, out_chans: 4, upsampler: 'pixelshuffle', primary: true },
    ]);
  });
});
