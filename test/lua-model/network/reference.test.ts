import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '@lua-webgpu/kernels';
import { expectedTensors, loadLua, parseConfig } from '@lua-webgpu/lua-model';
import { parseSafetensors, toFloat32, toFloat64 } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { referenceFolder } from '../../golden/load.ts';
import { goldenParams, type ParamRule } from '../../golden/params.ts';
import { modelWith, openTestDevice, run } from '../../support/network.ts';

// Data that others made; tolerances are those that its INDEX.md suggests.
const folder = referenceFolder() ?? '';
const swinir = [
  { file: 'swinir_light_x2_c4_1conv', tolerance: 8.5e-6 },
  { file: 'swinir_light_x4_c16_3conv', tolerance: 4.5e-6 },
];

describe.runIf(folder)('the network against the reference folder', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openTestDevice();
  });
  afterAll(() => device.destroy());

  it.each(swinir)('$file', async ({ file, tolerance }) => {
    const path = join(folder, `${file}.safetensors`);
    const { tensors, metadata } = parseSafetensors(readFileSync(path), path);
    const config = parseConfig(JSON.parse(metadata.get('config') ?? ''), file);
    const { seed, sha256_named_parameters_order: sha256 } = JSON.parse(metadata.get('params') ?? '');
    const rules = JSON.parse(metadata.get('param_rules') ?? '') as ParamRule[];
    const params = goldenParams({ seed, sha256, rules, names: [...expectedTensors(config)] });
    using model = modelWith(device, config, params);
    for (const [name, input] of tensors) {
      if (!name.endsWith('in.x')) continue;
      const results = await run(model, device, { shape: input.shape, data: toFloat32(input) });
      const expected = toFloat64(tensors.get(name.replace('in.x', 'out.y'))!);
      for (const { data } of results.values())
        expect(relativeError(data, expected), name).toBeLessThanOrEqual(tolerance);
    }
  });

  it('lua_released_window16_embed24, from the .pth alone', async () => {
    const path = join(folder, 'lua_released_window16_embed24.safetensors');
    const { tensors } = parseSafetensors(readFileSync(path), path);
    using model = await loadLua(device, join(folder, 'lua_released_window16_embed24.pth'));
    const input = tensors.get('in.x')!;
    const results = await run(model, device, { shape: input.shape, data: toFloat32(input) });
    expect([...results.keys()].sort()).toEqual([2, 4]);
    for (const [scale, { data }] of results) {
      expect(relativeError(data, toFloat64(tensors.get(`out.x${scale}`)!)), `×${scale}`).toBeLessThanOrEqual(
        7e-6,
      );
    }
  });
});

/** max |a − b| / max |b|; NaN counts as infinitely far. */
function relativeError(actual: Float32Array, expected: Float64Array): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return expected.reduce((worst, value, i) => {
    const error = Math.abs((actual[i] as number) - value) / largest;
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
  }, 0);
}
