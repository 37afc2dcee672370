import { conv2d, openScope } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { channelsFirst, channelsLast, packedWeight } from './channels-last.ts';

const golden = goldenCase('op_conv2d');

for (const adapter of await adapterCases()) {
  describe(`conv2d and PyTorch on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [name, output] of golden.outputs) {
      it(name, async () => {
        const part = name.replace('/out.y', '/in');
        using scope = openScope(await devices.open());
        const load = ({ data, shape }: { data: Float32Array<ArrayBuffer>; shape: number[] }) =>
          scope.tensor(data, shape);
        const bias = entry(golden.inputs, `${part}.bias`);
        const [left = 0, right = 0, top = 0, bottom = 0] = output.attributes
          .pad_left_right_top_bottom as number[];
        const y = conv2d(
          load(channelsLast(entry(golden.inputs, `${part}.x`))),
          load(packedWeight(entry(golden.inputs, `${part}.weight`))),
          {
            bias: scope.tensor(Float32Array.from(bias.data), bias.shape),
            stride: output.attributes.stride as 1 | 2,
            padding: { left, right, top, bottom },
          },
        );
        const { data, shape } = channelsFirst({ shape: y.shape, data: await y.read() });
        const difference = compareGolden(output, data, shape);
        expect(difference.within, JSON.stringify(difference)).toBe(true);
      });
    }
  });
}
