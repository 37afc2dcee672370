import { readFileSync } from 'node:fs';
import path from 'node:path';
import { backward, layerNorm, openScope, parseSafetensors, Tape, toFloat32 } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { entry, referenceFolder } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

/** With the largest error, relative to the largest value, that the folder's index suggests for gradients. */
const cases = [
  { name: 'layernorm_c180', tolerance: 1.5e-5 },
  { name: 'layernorm_c60', tolerance: 1.5e-5 },
  { name: 'layernorm_c7', tolerance: 1.5e-5 },
  { name: 'layernorm_smallvar', tolerance: 1.5e-5 },
  // Values of 100 ± 0.01: what PyTorch's own float32 is off by.
  { name: 'layernorm_offset100_illconditioned', tolerance: 4.2e-4 },
];

/** Needs the folder that LUA_WEBGPU_GOLDEN names. */
for (const adapter of await adapterCases()) {
  describe.skipIf(referenceFolder() === undefined)(
    `gradients of layer normalisation and PyTorch on ${adapter.label}`,
    () => {
      const devices = new DeviceSet(adapter);
      afterAll(() => devices.close());

      it.each(cases)('$name', async ({ name, tolerance }) => {
        const file = path.join(referenceFolder() ?? '', 'op_norm_act.safetensors');
        const { tensors } = parseSafetensors(readFileSync(file), file);
        const load = (part: string) => {
          const stored = entry(tensors, `${name}/${part}`);
          return { shape: stored.shape, data: toFloat32(stored) };
        };
        using scope = openScope(await devices.open());
        using tape = new Tape();
        const tensor = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }) =>
          scope.tensor(Float32Array.from(data), shape);
        const channels = load('in.x').shape.at(-1) ?? 0;
        const affine = (part: string, value: number) =>
          tensors.has(`${name}/${part}`)
            ? load(part)
            : { shape: [channels], data: new Float32Array(channels).fill(value) };
        const operands = {
          x: tape.watch(tensor(load('in.x'))),
          w: tape.watch(tensor(affine('in.w', 1))),
          b: tape.watch(tensor(affine('in.b', 0))),
        };
        const y = layerNorm(operands.x, operands.w, operands.b);
        using gradients = backward(y, { gradient: tensor(load('in.dy')) });
        let compared = 0;
        for (const [part, operand] of Object.entries(operands)) {
          if (!tensors.has(`${name}/grad.${part}`)) continue;
          const actual = (await gradients.of(operand)?.readFloats()) ?? [];
          const expected = load(`grad.${part}`).data;
          expect(actual.length).toBe(expected.length);
          const largest = Math.max(...expected.map(Math.abs));
          const errors = Array.from(
            expected,
            (value, i) => Math.abs(value - (actual[i] ?? Number.NaN)) / largest,
          );
          expect(Math.max(...errors), part).toBeLessThanOrEqual(tolerance);
          compared += 1;
        }
        expect(compared).toBeGreaterThan(0);
      });
    },
  );
}
