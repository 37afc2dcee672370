import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { PadMode } from '@lua-webgpu/kernels';
import { backward, conv2d, openScope, pad2d, parseSafetensors, Tape, toFloat32 } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { referenceFolder } from '../../golden/load.ts';
import { channelsLast, packedWeight } from '../../kernels/conv2d/channels-last.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const folder = referenceFolder();
/** A tensor of the reference data; only there where LUA_WEBGPU_GOLDEN is set. */
function load(): (key: string) => { shape: number[]; data: Float32Array<ArrayBuffer> } {
  const file = path.join(folder ?? '', 'op_conv2d.safetensors');
  const { tensors } = parseSafetensors(readFileSync(file), file);
  return (key) => {
    const stored = tensors.get(key);
    if (!stored) throw new Error(`${file} has no ${key}`);
    return { shape: [...stored.shape], data: Float32Array.from(toFloat32(stored)) };
  };
}

const around = (size: number) => ({ top: size, bottom: size, left: size, right: size });
const cases: [string, { pad: ReturnType<typeof around>; mode: PadMode; stride: 1 | 2 }][] = [
  ['k3_zeros', { pad: around(1), mode: 'zeros', stride: 1 }],
  ['k3_reflect', { pad: around(1), mode: 'reflect', stride: 1 }],
  ['k3_replicate', { pad: around(1), mode: 'replicate', stride: 1 }],
  ['k1', { pad: around(0), mode: 'zeros', stride: 1 }],
  ['k5_zeros', { pad: around(2), mode: 'zeros', stride: 1 }],
  ['k3_valid', { pad: around(0), mode: 'zeros', stride: 1 }],
  ['k3_stride2_pad1', { pad: around(1), mode: 'zeros', stride: 2 }],
  ['k3_stride2_vae_down', { pad: { top: 0, bottom: 1, left: 0, right: 1 }, mode: 'zeros', stride: 2 }],
];

for (const adapter of await adapterCases()) {
  describe.skipIf(folder === undefined)(`PyTorch's gradients of convolutions on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(cases)('%s', async (name, { pad, mode, stride }) => {
      const tensor = load();
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const watch = ({ data, shape }: { shape: number[]; data: Float32Array<ArrayBuffer> }) =>
        tape.watch(scope.tensor(data, shape));
      const x = watch(channelsLast(tensor(`${name}/in.x`)));
      const weight = watch(packedWeight(tensor(`${name}/in.w`)));
      const bias = watch(tensor(`${name}/in.b`));
      const y =
        mode === 'zeros'
          ? conv2d(x, weight, { bias, stride, padding: pad })
          : conv2d(pad2d(x, { ...pad, mode }), weight, { bias, stride });
      const dy = channelsLast(tensor(`${name}/in.dy`));
      using gradients = backward(y, { gradient: scope.tensor(dy.data, dy.shape) });
      const expected = [
        [x, channelsLast(tensor(`${name}/grad.x`))],
        [weight, packedWeight(tensor(`${name}/grad.w`))],
        [bias, tensor(`${name}/grad.b`)],
      ] as const;
      for (const [leaf, { data }] of expected) {
        const actual = (await gradients.of(leaf)?.readFloats()) ?? [];
        expect(actual.length).toBe(data.length);
        const largest = Math.max(...data.map(Math.abs));
        const worst = Math.max(...data.map((value, i) => Math.abs((actual[i] ?? Number.NaN) - value)));
        // PyTorch's own float32 gradients differ from its float64 ones by up to 3.4e-7 of the largest.
        expect(worst / largest).toBeLessThan(1e-6);
      }
    });
  });
}
