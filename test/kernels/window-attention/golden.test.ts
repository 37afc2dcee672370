import { openScope, windowAttention } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { paddedDim, regroup } from './arrays.ts';

const golden = goldenCase('op_window_attention');

for (const adapter of await adapterCases()) {
  describe(`window attention and PyTorch on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [name, output] of golden.outputs) {
      const part = name.replace(/\/out.*/, '');
      const { heads, window, shift } = output.attributes as { heads: number; window: number; shift: number };
      const qkv = entry(golden.inputs, `${part}/in.qkv`);
      const table = entry(golden.inputs, `${part}/in.table`);
      const headDim = (qkv.shape.at(-1) ?? 0) / (3 * heads);

      for (const dim of new Set([headDim, paddedDim(headDim)])) {
        it(`${name}, head dimension ${dim}`, async () => {
          using scope = openScope(await devices.open());
          const operand = regroup(qkv, headDim, dim);
          const y = windowAttention(
            scope.tensor(operand.data, operand.shape),
            scope.tensor(Float32Array.from(table.data), table.shape),
            { heads, window, shift, scale: headDim ** -0.5 },
          );
          const actual = regroup({ shape: y.shape, data: await y.read() }, dim, headDim);
          const difference = compareGolden(output, actual.data, actual.shape);
          expect(difference.within, JSON.stringify(difference)).toBe(true);
        });
      }
    }
  });
}
