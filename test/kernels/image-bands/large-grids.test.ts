import { apply, openScope, registry } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

/** Sizes whose workgroups do not fit one dimension of the grid (65,535), with values that come through unchanged. */
const around = { top: 1, bottom: 1, left: 1, right: 1 };
const asIs = { stride: 1, padding: around, activation: { kind: 'none' } };
const cases: [
  name: string,
  op: string,
  shape: number[],
  attributes: unknown,
  force: Record<string, string>,
][] = [
  ['16 pixels per workgroup', 'conv2d', [1, 1030, 1020, 8], asIs, { conv2d: 'subgroup' }],
  ['8 pixels per workgroup', 'conv2d', [1, 730, 720, 1], asIs, { conv2d: 'scalar' }],
  ['tall images', 'pixelShuffle', [33_000, 1, 2, 16], { factor: 2, order: 'block' }, {}],
  ['many elements', 'pixelShuffle', [1, 1030, 1024, 4], { factor: 2, order: 'torch' }, {}],
  ['tall images', 'pixelUnshuffle', [33_000, 2, 2, 4], { factor: 2, order: 'block' }, {}],
  ['tall images', 'pad2d', [22_000, 1, 2, 4], { ...around, mode: 'reflect' }, {}],
  ['many elements', 'pad2d', [1, 2100, 2000, 1], { ...around, mode: 'replicate' }, {}],
];

for (const adapter of await adapterCases()) {
  describe(`more workgroups than a dimension holds on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [name, opName, shape, attributes, force] of cases) {
      it(`${opName}, ${name}`, async ({ skip }) => {
        const op = registry.find((entry) => entry.name === opName);
        if (!op) throw new Error(`the registry has no ${opName}`);
        const device = await devices.open({ force });
        if (force.conv2d === 'subgroup' && device.capabilities.subgroupSize === undefined) {
          skip('the device has no subgroups');
        }
        const arrays = [
          {
            shape,
            data: seededValues(
              1,
              shape.reduce((a, b) => a * b, 1),
            ),
          },
        ];
        if (opName === 'conv2d') arrays.push(identity(shape.at(-1) ?? 0));
        using scope = openScope(device);
        const operands = arrays.map(({ data, shape }) => scope.tensor(Float32Array.from(data), shape));
        const actual = await apply(op, operands, attributes).read();
        const expected = Float32Array.from(op.reference(arrays, attributes).data);
        expect(actual.length).toBe(expected.length);
        expect(actual.findIndex((value, i) => value !== expected[i])).toBe(-1);
      });
    }
  });
}

/** The 1×1 kernel that changes nothing. */
function identity(channels: number) {
  const data = new Float64Array(channels ** 2);
  for (let c = 0; c < channels; c++) data[c * channels + c] = 1;
  return { shape: [1, 1, channels, channels], data };
}
