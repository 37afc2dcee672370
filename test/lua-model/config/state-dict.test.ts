/** What a configuration says about the state dict, against PyTorch's; and back from a state dict to its configuration. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parsePth, parseSafetensors, tensorsOfCheckpoint } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  expectedBuffers,
  expectedTensors,
  guessConfig,
  type LuaConfig,
  parameterCount,
  parseConfig,
  preset,
  presetNames,
} from '../../../packages/lua-model/src/config/index.ts';
import { goldenCase, goldenPath, referenceFolder } from '../../golden/load.ts';
import { anyConfig } from './arbitrary.ts';

type Names = [name: string, shape: number[]][];

const networks = readdirSync(goldenPath(''))
  .filter((file) => file.endsWith('.safetensors') && !/^(op|pth|vae|loss)_/.test(file))
  .map((file) => goldenCase(file.replace('.safetensors', '')));

function shapesOf(config: LuaConfig, buffers = true) {
  const names = [...expectedTensors(config), ...(buffers ? expectedBuffers(config) : [])];
  return new Map(names.map(([name, shape]) => [name, { shape }]));
}

/** What a state dict cannot tell, taken from the true configuration. */
function untold(config: LuaConfig) {
  const { img_range, img_size } = config;
  return { img_range, img_size };
}

describe('the state dict of a configuration', () => {
  it.each(networks)('$name has the names and shapes of PyTorch, in its order', ({ config, metadata }) => {
    const { names } = JSON.parse(metadata.get('params') ?? '') as { names: Names };
    expect([...expectedTensors(parseConfig(config, 'golden'))]).toEqual(names);
  });

  it('has the buffers that PyTorch stores', () => {
    const golden = networks.find(({ name }) => name === 'tiny_window8');
    const file = tensorsOfCheckpoint(
      parsePth(readFileSync(goldenPath('tiny_window8.pth')), 'x'),
      'x',
    ).tensors;
    const config = parseConfig(golden?.config, 'golden');
    const buffers = [...file].filter(([name]) => /relative_position_index|attn_mask/.test(name));
    expect(buffers).toHaveLength(3);
    expect(new Map(buffers.map(([name, { shape }]) => [name, shape]))).toEqual(expectedBuffers(config));
    expect(guessConfig(file, 'x')).toEqual(config);
  });

  it("narrows '3conv' as Python's dim // 4 does", () => {
    const json = { in_chans: 4, window_size: 8, depths: [1], embed_dim: 7, num_heads: [1], mlp_ratio: 2 };
    const config = parseConfig({ ...json, resi_connection: '3conv', upsampler: '' }, 'x');
    expect(expectedTensors(config).get('layers.0.conv.2.weight')).toEqual([1, 1, 1, 1]);
    expect(expectedTensors(config).get('conv_after_body.4.weight')).toEqual([7, 1, 3, 3]);
  });

  it('has no masks where nothing shifts', () => {
    const config = parseConfig(
      networks.find(({ name }) => name === 'unshifted_img8_window16')?.config,
      'golden',
    );
    const buffers = expectedBuffers(config);
    expect([...buffers.keys()].filter((name) => name.endsWith('attn_mask'))).toEqual([]);
    expect(new Set([...buffers.values()].map(String))).toEqual(new Set(['64,64']));
  });
});

describe('a guessed configuration', () => {
  it.each(networks)('of $name', ({ config, metadata, name }) => {
    const { names } = JSON.parse(metadata.get('params') ?? '') as { names: Names };
    const truth = parseConfig(config, 'golden');
    const guess = guessConfig(new Map(names.map(([key, shape]) => [key, { shape }])), 'golden');
    const unshifted = name === 'unshifted_img8_window16' ? { window_size: 8 } : {};
    expect({ ...guess, ...untold(truth) }).toEqual({
      ...truth,
      ...unshifted,
      ...(truth.heads[0]?.upsampler === 'pixelshuffledirect' ? { head_num_feat: 64 } : {}),
    });
  });

  it.each(presetNames)('of the preset %s', (name) => {
    const config = preset(name);
    expect(guessConfig(shapesOf(config), name)).toEqual(config);
    expect({ ...guessConfig(shapesOf(config, false), name), ...untold(config) }).toEqual(config);
  });

  it('of any network: the same state dict', () => {
    fc.assert(
      fc.property(anyConfig, fc.boolean(), (config, buffers) => {
        const shapes = shapesOf(config, buffers);
        const guess = guessConfig(shapes, 'any');
        const sorted = (dict: ReadonlyMap<string, unknown>) => [...dict].sort(([a], [b]) => (a < b ? -1 : 1));
        expect(sorted(shapesOf(guess, buffers))).toEqual(sorted(shapes));
        expect(guess.names).toBe(config.names);
        const scales = ({ heads }: LuaConfig) =>
          heads.map(({ scale, upsampler }) => `${scale}${upsampler}`).sort();
        expect(scales(guess)).toEqual(scales(config));
        expect(guess.heads.filter(({ primary }) => primary)).toHaveLength(1);
      }),
    );
  });

  it('does not depend on the order of the tensors', () => {
    const shapes = shapesOf(preset('tiny'));
    expect(guessConfig(new Map([...shapes].reverse()), 'x')).toEqual(guessConfig(shapes, 'x'));
  });

  it('takes an oblong image from the masks, and one where windows shift without', () => {
    const json = { in_chans: 4, window_size: 7, depths: [2], embed_dim: 8, num_heads: [2], mlp_ratio: 2 };
    const config = parseConfig({ ...json, img_size: [14, 21], upsampler: '' }, 'x');
    expect(guessConfig(shapesOf(config), 'x')).toMatchObject({ img_size: [14, 21], img_range: 255 });
    expect(guessConfig(shapesOf(config, false), 'x').img_size).toEqual([70, 70]);
    const large = { ...json, window_size: 16, heads: [{ name: 'x2', scale: 2 }] };
    expect(guessConfig(shapesOf(parseConfig(large, 'x'), false), 'x')).toMatchObject({
      img_size: [64, 64],
      img_range: 1,
    });
  });

  it('finds an mlp_ratio that gives the width back exactly', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 1, max: 2000 }),
        (embed_dim, hidden) => {
          fc.pre(hidden / embed_dim <= 60);
          const json = { in_chans: 4, window_size: 2, depths: [1], embed_dim, num_heads: [1], upsampler: '' };
          const shapes = shapesOf(parseConfig({ ...json, mlp_ratio: (hidden + 0.5) / embed_dim }, 'x'));
          const found = expectedTensors(guessConfig(shapes, 'x'));
          expect(found.get('layers.0.residual_group.blocks.0.mlp.fc1.weight')).toEqual([hidden, embed_dim]);
        },
      ),
    );
  });
});

const folder = referenceFolder();

describe.skipIf(folder === undefined)('reference networks', () => {
  const data = folder ?? '.';
  const files =
    folder === undefined ? [] : readdirSync(data).filter((file) => /^(swinir|lua)_.*safetensors$/.test(file));

  it.each(files)('%s', (file) => {
    const { metadata } = parseSafetensors(readFileSync(path.join(data, file)), file);
    const { named_parameters, n_params } = JSON.parse(metadata.get('params') ?? '') as {
      named_parameters: Names;
      n_params: number;
    };
    const guess = guessConfig(new Map(named_parameters.map(([name, shape]) => [name, { shape }])), file);
    expect([...expectedTensors(guess)]).toEqual(named_parameters);
    expect(parameterCount(guess)).toBe(n_params);
    const stated = JSON.parse(metadata.get('config') ?? '') as Record<string, unknown>;
    if ('upsampler' in stated) expect(guess).toEqual(parseConfig(stated, file));
    else expect(guess.heads.map(({ name }) => name)).toEqual(['x2', 'x4']);
  });

  it('are some', () => {
    expect(files.length).toBeGreaterThan(4);
  });
});
