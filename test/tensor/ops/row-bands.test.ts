import type { Device } from '@lua-webgpu/kernels';
import {
  extremumGradient,
  l1LossGradient,
  max,
  openScope,
  softmax,
  softmaxGradient,
  sum,
  type Tensor,
  unaryGradient,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

/** Ops that treat the rows of x and of a gradient of its shape one by one. */
const byRow: [name: string, run: (x: Tensor, gradient: Tensor) => Tensor][] = [
  ['softmax', softmax],
  ['softmaxGradient', softmaxGradient],
  ['unaryGradient', (x, gradient) => unaryGradient('tanh', x, gradient)],
  ['l1LossGradient', (x, y) => l1LossGradient(x, y, max(y))],
  ['extremumGradient', (x, gradient) => extremumGradient(x, sum(gradient, { axes: [1] }), 'max')],
];

type Grid = [family: string, variant: string, rowsPerWorkgroup: number];

for (const adapter of await adapterCases()) {
  describe(`gradients beyond one binding on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const [name, run] of byRow) {
      const compute = async (device: Device, rows: number, length: number) => {
        using scope = openScope(device);
        const random = (seed: number) =>
          scope.tensor(Float32Array.from(seededValues(seed, rows * length)), [rows, length]);
        const operands = [random(1), random(2)] as const;
        const dispatch = vi.spyOn(device, 'dispatch');
        const y = run(...operands);
        const dispatches = dispatch.mock.calls.length;
        dispatch.mockRestore();
        return { bits: new Uint32Array((await y.read()).buffer), dispatches };
      };

      it.each([
        [300, 60, 32_768],
        [300, 7, 4_096],
      ])(`${name}: %i rows of %i give the bits of the whole`, async (rows, length, limit) => {
        const expected = await compute(await devices.open(), rows, length);
        const limited = await devices.open({ limits: { maxStorageBufferBindingSize: limit } });
        const actual = await compute(limited, rows, length);
        expect(actual.dispatches).toBeGreaterThanOrEqual(expected.dispatches + 2);
        expect(actual.bits).toEqual(expected.bits);
      });
    }

    // SwiftShader takes ten seconds for 65,537 workgroups with barriers.
    const slow: Grid[] = [
      ['softmax', 'workgroup', 1],
      ['softmax-gradient', 'workgroup', 1],
      ['extremum-gradient', 'workgroup', 1],
    ];
    it.each<Grid>([
      ['softmax', 'serial', 64],
      ['softmax-gradient', 'serial', 64],
      ['extremum-gradient', 'serial', 64],
      ['unary-gradient', 'scalar', 64],
      ...(adapter.label === 'lavapipe' ? slow : []),
    ])(
      '%s by %s takes more rows than a grid dimension has workgroups',
      async (family, variant, rowsPerWorkgroup) => {
        const device = await devices.open({ force: { [family]: variant } });
        const rows = 65_536 * rowsPerWorkgroup + 1;
        using scope = openScope(device);
        const x = scope.tensor(new Float32Array(rows).fill(1), [rows, 1]);
        const runs: Record<string, () => Tensor> = {
          softmax: () => softmax(x),
          'softmax-gradient': () =>
            softmaxGradient(scope.tensor(new Float32Array(rows).fill(-1), [rows, 1]), x),
          'extremum-gradient': () => extremumGradient(x, x.reshape([rows]), 'min'),
          'unary-gradient': () => unaryGradient('square', x, x),
        };
        const expected = { 'softmax-gradient': -2, 'unary-gradient': 2 }[family] ?? 1;
        const y = await runs[family]?.().read();
        expect(y?.every((value) => value === expected)).toBe(true);
      },
    );
  });
}
