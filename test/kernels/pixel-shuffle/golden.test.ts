import { openScope, pixelShuffle, pixelUnshuffle } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { compareGolden, entry, goldenCase } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { channelsFirst, channelsLast } from '../conv2d/channels-last.ts';

const golden = goldenCase('op_pixel_shuffle');

for (const adapter of await adapterCases()) {
  describe(`pixel shuffle and PyTorch on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [name, output] of golden.outputs) {
      it(name, async () => {
        using scope = openScope(await devices.open());
        const { data, shape } = channelsLast(entry(golden.inputs, name.replace('/out', '/in')));
        const x = scope.tensor(data, shape);
        const op = name.endsWith('.shuffle') ? pixelShuffle : pixelUnshuffle;
        const y = op(x, { factor: output.attributes.factor as number });
        const actual = channelsFirst({ shape: y.shape, data: await y.read() });
        expect(output.tolerance).toBe(0);
        const difference = compareGolden(output, actual.data, actual.shape);
        expect(difference.within, JSON.stringify(difference)).toBe(true);
      });
    }
  });
}
