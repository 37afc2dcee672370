import { readFileSync } from 'node:fs';
import path from 'node:path';
import { openScope, parseSafetensors, toFloat32, windowAttention } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { entry, referenceFolder } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { fromWindows, paddedDim, regroup, type Values } from './arrays.ts';

/** Largest error relative to the largest value that the folder's index suggests for this file. */
const tolerance = 3.5e-6;
const cases = [
  { name: 'ws4_shift2', window: 4, shift: 2 },
  { name: 'ws8_noshift', window: 8, shift: 0 },
  { name: 'ws8_shift4', window: 8, shift: 4 },
  { name: 'ws8_shift4_onewindow', window: 8, shift: 4 },
];

const file = path.join(referenceFolder() ?? '', 'op_window_attention.safetensors');
const tensors: ReturnType<typeof parseSafetensors>['tensors'] =
  referenceFolder() === undefined ? new Map() : parseSafetensors(readFileSync(file), file).tensors;

function load(name: string): Values {
  const stored = entry(tensors, name);
  return { shape: stored.shape, data: Float32Array.from(toFloat32(stored)) };
}

/** q, k and v [windows, heads, tokens, d] → qkv [windows, tokens, part, heads, d]. */
function joined(parts: readonly Values[]): Float32Array {
  const [, heads = 0, tokens = 0, headDim = 0] = parts[0]?.shape ?? [];
  const result = new Float32Array(parts.reduce((sum, { data }) => sum + data.length, 0));
  for (const [part, { data }] of parts.entries()) {
    for (const [i, value] of data.entries()) {
      const token = Math.floor(i / headDim) % tokens;
      const head = Math.floor(i / (headDim * tokens)) % heads;
      const window = Math.floor(i / (headDim * tokens * heads));
      result[(((window * tokens + token) * 3 + part) * heads + head) * headDim + (i % headDim)] = value;
    }
  }
  return result;
}

/** Attention of the official SwinIR code; needs the folder that LUA_WEBGPU_GOLDEN names. */
for (const adapter of await adapterCases()) {
  describe.skipIf(tensors.size === 0)(`window attention and SwinIR on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(cases)('$name, with and without padded heads', async ({ name, window, shift }) => {
      const size = load(`${name}/in.image_bhwc`).shape.slice(0, 3);
      const parts = ['q', 'k', 'v'].map((part) => load(`${name}/core/in.${part}`));
      const [, heads = 0, , headDim = 0] = parts[0]?.shape ?? [];
      const qkv = fromWindows(joined(parts), [...size, 3 * heads * headDim], { window, shift });
      const table = load(`${name}/core/in.table`);
      const windows = load(`${name}/core/out.y`).data;
      const expected = fromWindows(windows, [...size, heads * headDim], { window, shift }).data;
      const largest = Math.max(...expected.map(Math.abs));

      for (const dim of new Set([headDim, paddedDim(headDim)])) {
        using scope = openScope(await devices.open());
        const operand = regroup(qkv, headDim, dim);
        const y = windowAttention(
          scope.tensor(operand.data, operand.shape),
          scope.tensor(table.data, table.shape),
          { heads, window, shift, scale: headDim ** -0.5 },
        );
        const actual = regroup({ shape: y.shape, data: await y.read() }, dim, headDim).data;
        expect(actual.length).toBe(expected.length);
        const errors = expected.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN)) / largest);
        expect(Math.max(...errors), `head dimension ${dim}`).toBeLessThanOrEqual(tolerance);
      }
    });
  });
}
