import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseSafetensors } from '@lua-webgpu/tensor';
import { describe, expect, it } from 'vitest';
import { compareGolden, entry, type GoldenOutput, goldenCase, goldenPath, referenceFolder } from './load.ts';
import { elementCount, goldenParams, hashValues, type ParamDescription, type ParamRule } from './params.ts';

const files = readdirSync(goldenPath(''));
const cases = files
  .filter((file) => file.endsWith('.safetensors') && file !== 'pth_tensors.safetensors')
  .map((file) => file.replace('.safetensors', ''));

describe('golden data', () => {
  it('stays small', () => {
    const sizes = files.map((file) => statSync(goldenPath(file)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(3_000_000);
    expect(Math.max(...sizes)).toBeLessThan(1_000_000);
  });

  it.each(cases)('%s holds finite results with sane tolerances', (name) => {
    const golden = goldenCase(name);
    expect(golden.outputs.size).toBeGreaterThan(0);
    for (const [key, { data, shape, stride, max, tolerance, float32Error }] of golden.outputs) {
      expect(data.length, key).toBe(Math.ceil(elementCount(shape) / stride));
      expect(data.every(Number.isFinite), key).toBe(true);
      expect(max, key).toBeGreaterThanOrEqual(Math.max(...data.map(Math.abs)) * (1 - 1e-7));
      if (tolerance > 0) expect(tolerance, key).toBeGreaterThan(5 * float32Error);
      expect(tolerance, key).toBeLessThan(5e-5);
    }
    for (const [key, { data, shape }] of golden.inputs) {
      expect(data.length, key).toBe(elementCount(shape));
    }
  });

  const networks = cases.filter((name) => goldenCase(name).metadata.has('params'));
  it('holds networks', () => expect(networks.length).toBeGreaterThan(12));

  it.each(networks)('%s: parameters have the stated sum', (name) => {
    const { size } = goldenCase(name).params();
    expect(size).toBeGreaterThan(5);
  });

  it('has weights of normalisations around 1', () => {
    const { data } = entry(goldenCase('tiny_window8').params(), 'norm.weight');
    expect(data.every((value) => value >= 0.75 && value <= 1.25)).toBe(true);
  });

  it('refuses parameters that do not have the stated sum', () => {
    const text = goldenCase('tiny_window8').metadata.get('params') ?? '';
    const description = JSON.parse(text) as ParamDescription;
    expect(() => goldenParams({ ...description, seed: description.seed + 1 })).toThrow(/sha256/);
  });

  it('regenerates inputs as the script did: pixel shuffle permutes them exactly', () => {
    const golden = goldenCase('op_pixel_shuffle');
    for (const r of [2, 3, 4]) {
      const input = entry(golden.inputs, `r${r}/in.shuffle`);
      const output = entry(golden.outputs, `r${r}/out.shuffle`);
      const [batch = 0, channels = 0, height = 0, width = 0] = output.shape;
      const actual = new Float32Array(output.data.length);
      let at = 0;
      for (let bc = 0; bc < batch * channels; bc++) {
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const plane = bc * r * r + (y % r) * r + (x % r);
            const source = (plane * (height / r) + Math.floor(y / r)) * (width / r) + Math.floor(x / r);
            actual[at++] = input.data[source] ?? Number.NaN;
          }
        }
      }
      expect(compareGolden(output, actual, output.shape)).toMatchObject({ error: 0, within: true });
    }
  });
});

describe('compareGolden', () => {
  const golden: GoldenOutput = {
    shape: [2, 5],
    data: Float32Array.of(1, 2, -4, 0),
    stride: 3,
    max: 4,
    float32Error: 1e-7,
    tolerance: 1e-6,
    attributes: {},
  };
  const equal = [1, 9, 9, 2, 9, 9, -4, 9, 9, 0];

  it('looks at every stored element and says where the worst one is', () => {
    expect(compareGolden(golden, equal, [2, 5])).toEqual({ error: 0, at: 0, within: true });
    expect(compareGolden(golden, equal.with(6, -3), [2, 5])).toEqual({ error: 0.25, at: 6, within: false });
  });

  it('lets neither NaN nor infinity pass', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(compareGolden(golden, equal.with(9, bad), [2, 5])).toMatchObject({ at: 9, within: false });
    }
  });

  it('refuses another shape', () => {
    expect(() => compareGolden(golden, equal, [5, 2])).toThrow('[5,2]');
  });
});

describe('the hash', () => {
  it('gives the numbers that the reference data state', () => {
    const first = hashValues(1042, 'conv_first.weight', 4, 0, Math.sqrt(3 / 36));
    const stated = [-0.06025630980730057, -0.2257951945066452, 0.19888713955879211, -0.08029069006443024];
    expect([...first]).toEqual(stated);
  });

  const folder = referenceFolder();
  it.skipIf(folder === undefined)('gives the parameters of every reference network', () => {
    let networks = 0;
    const data = folder ?? '';
    for (const file of readdirSync(data).filter((name) => name.endsWith('.safetensors'))) {
      const { metadata } = parseSafetensors(readFileSync(path.join(data, file)), file);
      const params = metadata.get('params');
      const rules = metadata.get('param_rules');
      if (params === undefined || rules === undefined) continue;
      const stated = JSON.parse(params) as {
        seed: number;
        sha256_named_parameters_order: string;
        named_parameters: ParamDescription['names'];
      };
      goldenParams({
        seed: stated.seed,
        sha256: stated.sha256_named_parameters_order,
        rules: JSON.parse(rules) as ParamRule[],
        names: stated.named_parameters,
      });
      networks++;
    }
    expect(networks).toBeGreaterThan(2);
  });
});
