import type { Device } from '@lua-webgpu/kernels';
import {
  conv2d,
  crop2d,
  openScope,
  pad2d,
  pixelShuffle,
  pixelUnshuffle,
  type Scope,
  type Tensor,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';

/** Bytes of a binding: less than an image of the cases below, more than a row with its halo and than the weights. */
const limit = 2048;

const random = (scope: Scope, shape: number[]) => {
  const count = shape.reduce((a, b) => a * b, 1);
  return scope.tensor(Float32Array.from(seededValues(count, count)), shape);
};

type Run = (scope: Scope) => Tensor;
const conv = (x: number[], weight: number[], options: Parameters<typeof conv2d>[2]): Run => {
  return (scope) =>
    conv2d(random(scope, x), random(scope, weight), { ...options, bias: random(scope, weight.slice(3)) });
};
const sides = { top: 9, bottom: 14, left: 3, right: 2 };
const kl = { top: 0, bottom: 1, left: 0, right: 1 };

const cases: Record<string, { runs: Run; force: Record<string, string>[] }> = {
  'a 3×3 convolution': {
    runs: conv([2, 19, 13, 8], [3, 3, 8, 4], { padding: 1, activation: { kind: 'gelu' } }),
    force: [{}, { conv2d: 'subgroup' }, { conv2d: 'tiled' }, { conv2d: 'shared-32' }, { conv2d: 'scalar' }],
  },
  'a convolution of small images': {
    runs: conv([11, 5, 4, 8], [3, 3, 8, 4], { padding: 1 }),
    force: [{ conv2d: 'tiled' }, { conv2d: 'scalar' }],
  },
  'a convolution with stride 2': {
    runs: conv([2, 22, 9, 8], [3, 3, 8, 4], { padding: kl, stride: 2 }),
    force: [{}, { conv2d: 'tiled' }, { conv2d: 'scalar' }],
  },
  'a convolution of odd channels': {
    runs: conv([2, 23, 11, 3], [5, 3, 3, 7], { padding: { top: 3, bottom: 2, left: 1, right: 0 } }),
    force: [{}],
  },
  'a convolution with rows of nothing but padding': {
    runs: conv([1, 21, 9, 8], [3, 3, 8, 4], { padding: { top: 20, bottom: 25, left: 1, right: 1 } }),
    force: [{}, { conv2d: 'tiled' }, { conv2d: 'scalar' }],
  },
  'a 1×1 convolution': { runs: conv([1, 15, 16, 4], [1, 1, 4, 4], {}), force: [{}] },
  'pixel shuffle': {
    runs: (scope) => pixelShuffle(random(scope, [2, 9, 5, 16]), { factor: 2, order: 'block' }),
    force: [{}, { 'pixel-shuffle': 'vector' }, { 'pixel-shuffle': 'scalar' }],
  },
  'pixel shuffle of odd channels': {
    runs: (scope) => pixelShuffle(random(scope, [3, 7, 5, 27]), { factor: 3 }),
    force: [{}],
  },
  'pixel unshuffle': {
    runs: (scope) => pixelUnshuffle(random(scope, [2, 18, 10, 4]), { factor: 2, order: 'block' }),
    force: [{}, { 'pixel-shuffle': 'vector' }, { 'pixel-shuffle': 'scalar' }],
  },
  'zero padding': {
    runs: (scope) => pad2d(random(scope, [2, 11, 9, 4]), { ...sides, mode: 'zeros' }),
    force: [{}, { pad: 'scalar' }],
  },
  'reflection padding': {
    runs: (scope) => pad2d(random(scope, [2, 17, 9, 4]), { ...sides, mode: 'reflect' }),
    force: [{}, { pad: 'scalar' }],
  },
  'reflection padding wider than the side': {
    runs: (scope) => pad2d(random(scope, [1, 4, 9, 4]), { ...sides, mode: 'reflect' }),
    force: [{}, { pad: 'scalar' }],
  },
  'replication padding of odd channels': {
    runs: (scope) => pad2d(random(scope, [2, 17, 9, 5]), { ...sides, mode: 'replicate' }),
    force: [{}],
  },
  cropping: {
    runs: (scope) => crop2d(random(scope, [3, 17, 11, 4]), { top: 4, left: 2, height: 12, width: 7 }),
    force: [{}, { pad: 'scalar' }],
  },
};

for (const adapter of await adapterCases()) {
  describe(`tensors beyond one binding on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    const compute = async (device: Device, run: Run) => {
      const dispatch = vi.spyOn(device, 'dispatch');
      using scope = openScope(device);
      const bits = new Uint32Array((await run(scope).read()).buffer);
      const dispatches = dispatch.mock.calls.length;
      dispatch.mockRestore();
      return { bits, dispatches };
    };

    for (const [name, { runs, force }] of Object.entries(cases)) {
      for (const forced of force) {
        const label = Object.entries(forced).map((entry) => ` by ${entry.join(':')}`);
        it(`${name}${label} gives the bits of the whole`, async ({ skip }) => {
          const subgroups = Object.values(forced).includes('subgroup');
          const whole = await devices.open({ force: forced });
          if (subgroups && whole.capabilities.subgroupSize === undefined) skip('the device has no subgroups');
          const expected = await compute(whole, runs);
          const banded = await compute(
            await devices.open({ force: forced, limits: { maxStorageBufferBindingSize: limit } }),
            runs,
          );
          expect(expected.dispatches).toBe(1);
          expect(banded.dispatches).toBeGreaterThan(1);
          expect(banded.bits).toEqual(expected.bits);
        });
      }
    }
  });
}
