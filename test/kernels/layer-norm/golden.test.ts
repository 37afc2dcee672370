import { readFileSync } from 'node:fs';
import path from 'node:path';
import { layerNorm, openScope, parseSafetensors, type Scope, toFloat32 } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase, referenceFolder } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const golden = goldenCase('op_norm_act');
const names = [...golden.outputs.keys()].filter((name) => name.startsWith('layer_norm_'));

/** Cases of the folder that LUA_WEBGPU_GOLDEN names, with the largest error relative to the largest value. */
const references = [
  { name: 'layernorm_c180', tolerance: 1.5e-5 },
  { name: 'layernorm_c60', tolerance: 1.5e-5 },
  { name: 'layernorm_c7', tolerance: 1.5e-5 },
  { name: 'layernorm_smallvar', tolerance: 1.5e-5 },
  // Values of 100 ± 0.01: what PyTorch's own float32 is off by.
  { name: 'layernorm_offset100_illconditioned', tolerance: 4.2e-4 },
];

for (const adapter of await adapterCases()) {
  describe(`layer normalisation and PyTorch on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());
    const tensor = (scope: Scope, { data, shape }: { data: ArrayLike<number>; shape: readonly number[] }) =>
      scope.tensor(Float32Array.from(data), shape);

    it.each(names)('%s', async (name) => {
      using scope = openScope(await devices.open());
      const input = (part: string) =>
        tensor(scope, entry(golden.inputs, name.replace('out.y', `in.${part}`)));
      const y = layerNorm(input('x'), input('weight'), input('bias'), { eps: 1e-5 });
      const difference = compareGolden(entry(golden.outputs, name), await y.read(), y.shape);
      expect(difference.within, JSON.stringify(difference)).toBe(true);
    });

    for (const { name, tolerance } of references) {
      it.skipIf(referenceFolder() === undefined)(`${name} of the reference folder`, async () => {
        const file = path.join(referenceFolder() ?? '', 'op_norm_act.safetensors');
        const { tensors } = parseSafetensors(readFileSync(file), file);
        const load = (part: string) => {
          const stored = entry(tensors, `${name}/${part}`);
          return { shape: stored.shape, data: toFloat32(stored) };
        };
        using scope = openScope(await devices.open());
        const x = load('in.x');
        const channels = x.shape.at(-1) ?? 0;
        const affine = (part: string, value: number) =>
          tensors.has(`${name}/${part}`)
            ? load(part)
            : { shape: [channels], data: new Float32Array(channels).fill(value) };
        const y = layerNorm(
          tensor(scope, x),
          tensor(scope, affine('in.w', 1)),
          tensor(scope, affine('in.b', 0)),
        );
        const [actual, expected] = [await y.read(), load('out.y').data];
        const largest = Math.max(...expected.map(Math.abs));
        const errors = Array.from(
          expected,
          (value, i) => Math.abs(value - (actual[i] ?? Number.NaN)) / largest,
        );
        expect(Math.max(...errors)).toBeLessThanOrEqual(tolerance);
      });
    }
  });
}
