import { apply, openScope, registry } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

/** Sizes whose workgroups do not fit one dimension of the grid (65,535), with results that are exact. */
const cases: [op: string, shape: number[], attributes: unknown][] = [
  ['neg', [4_200_003], { a: 0, b: 0 }],
  ['permute', [2053, 2051], { axes: [1, 0] }],
  ['max', [4_200_003, 2], { axes: [1], keepDims: false }],
  ['toChannelsLast', [1, 3, 1201, 1201], { channels: 3 }],
  ['toChannelsFirst', [1, 1201, 1201, 3], {}],
  ['upsampleNearest2d', [1, 2053, 2051, 1], { factor: 1 }],
];

for (const adapter of await adapterCases()) {
  describe(`more workgroups than a dimension holds on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [name, shape, attributes] of cases) {
      it(`${name} of [${shape}]`, async () => {
        const op = registry.find((entry) => entry.name === name);
        if (!op) throw new Error(`the registry has no ${name}`);
        const device = await devices.open();
        const count = shape.reduce((a, b) => a * b, 1);
        const x = { shape, data: seededValues(1, count) };
        using scope = openScope(device);
        const actual = await apply(op, [scope.tensor(Float32Array.from(x.data), shape)], attributes).read();
        const expected = op.reference([x], attributes).data;
        expect(actual.length).toBe(expected.length);
        expect(actual.findIndex((value, i) => value !== expected[i])).toBe(-1);
      });
    }

    it('maximum of two large tensors', async () => {
      const device = await devices.open();
      const count = 4_200_003;
      const [a, b] = [seededValues(1, count), seededValues(2, count)].map((data) => Float32Array.from(data));
      const op = registry.find((entry) => entry.name === 'maximum');
      if (!op || !a || !b) throw new Error('the registry has no maximum');
      using scope = openScope(device);
      const actual = await apply(op, [scope.tensor(a, [count]), scope.tensor(b, [count])], {}).read();
      expect(actual.findIndex((value, i) => value !== Math.max(a[i] ?? 0, b[i] ?? 0))).toBe(-1);
    });
  });
}
