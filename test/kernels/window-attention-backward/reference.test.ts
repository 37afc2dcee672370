import { readFileSync } from 'node:fs';
import path from 'node:path';
import { backward, openScope, parseSafetensors, Tape, toFloat32, windowAttention } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { entry, referenceFolder } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { fromWindows, paddedDim, regroup, type Values } from '../window-attention/arrays.ts';

/** Largest error relative to the largest value that the folder's index suggests for gradients of this file. */
const tolerance = 1.5e-5;
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

/** q, k and v [windows, heads, tokens, d] → [windows, tokens, part, heads, d]. */
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

function worst(actual: ArrayLike<number>, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN)) / largest));
}

/** Gradients of the official SwinIR code; needs the folder that LUA_WEBGPU_GOLDEN names. */
for (const adapter of await adapterCases()) {
  describe.skipIf(tensors.size === 0)(`gradients of window attention and SwinIR on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(cases)('$name, with and without padded heads', async ({ name, window, shift }) => {
      const size = load(`${name}/in.image_bhwc`).shape.slice(0, 3);
      const of = (prefix: string) => ['q', 'k', 'v'].map((part) => load(`${name}/core/${prefix}.${part}`));
      const parts = of('in');
      const [, heads = 0, , headDim = 0] = parts[0]?.shape ?? [];
      const image = (windows: Float32Array, channels: number) =>
        fromWindows(windows, [...size, channels], { window, shift });
      const qkv = image(joined(parts), 3 * heads * headDim);
      const expected = image(joined(of('grad')), 3 * heads * headDim);
      const table = load(`${name}/core/in.table`);
      const cotangent = image(load(`${name}/core/in.dy`).data, heads * headDim);

      for (const dim of new Set([headDim, paddedDim(headDim)])) {
        using scope = openScope(await devices.open());
        using tape = new Tape();
        const [operand, seed] = [regroup(qkv, headDim, dim), regroup(cotangent, headDim, dim)];
        const x = tape.watch(scope.tensor(operand.data, operand.shape));
        const t = tape.watch(scope.tensor(table.data, table.shape));
        const y = windowAttention(x, t, { heads, window, shift, scale: headDim ** -0.5 });
        using gradients = backward(y, { gradient: scope.tensor(seed.data, seed.shape) });
        const [dx, dt] = [await gradients.of(x)?.readFloats(), await gradients.of(t)?.readFloats()];
        const actual = regroup({ shape: operand.shape, data: dx ?? [] }, dim, headDim).data;
        expect(worst(actual, expected.data), `qkv, head dimension ${dim}`).toBeLessThanOrEqual(tolerance);
        const tableError = worst(dt ?? [], load(`${name}/core/grad.table`).data);
        expect(tableError, `table, head dimension ${dim}`).toBeLessThanOrEqual(tolerance);
      }
    });
  });
}
