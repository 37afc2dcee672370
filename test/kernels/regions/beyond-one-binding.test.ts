import { type Device, LuaWebGpuError } from '@lua-webgpu/kernels';
import { apply, openScope, registry, type Shape } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { expectWithin, seededValues } from '../../support/compare.ts';
import { upload } from '../../support/tensors.ts';

/** Bytes of a binding: less than every tensor below that is to be split. */
const limit = 4096;

interface Case {
  readonly op: string;
  readonly shapes: readonly Shape[];
  readonly attributes?: unknown;
  readonly force?: readonly Record<string, string>[];
}

const unary = ['adjacent', 'interleaved', 'scalar'].map((name) => ({ unary: name }));
const binary = ['adjacent', 'interleaved', 'strided-vector', 'strided'].map((name) => ({ binary: name }));
const copy = ['vector', 'scalar'].map((name) => ({ copy: name }));
const last = ['vector', 'scalar'].map((name) => ({ 'to-channels-last': name }));
const first = ['vector', 'scalar'].map((name) => ({ 'to-channels-first': name }));
const over = (...axes: number[]) => ({ axes, keepDims: false });
const none = { a: 0, b: 0 };

const cases: readonly Case[] = [
  { op: 'gelu', shapes: [[3, 1000]], attributes: none, force: unary },
  { op: 'square', shapes: [[3, 1237]], attributes: none },
  {
    op: 'sub',
    shapes: [
      [3, 1000],
      [3, 1000],
    ],
    force: binary,
  },
  { op: 'sub', shapes: [[70, 60], [60]], force: binary },
  { op: 'sub', shapes: [[60], [70, 60]], force: binary },
  { op: 'div', shapes: [[3, 1412], [1412]], force: binary },
  {
    op: 'mul',
    shapes: [
      [7, 331],
      [7, 331],
    ],
  },
  {
    op: 'mul',
    shapes: [
      [3, 1, 37, 11],
      [1, 5, 37, 1],
    ],
  },
  {
    op: 'add',
    shapes: [
      [2, 3, 1, 7, 11],
      [2, 1, 31, 7, 1],
    ],
  },
  {
    op: 'sub',
    shapes: [
      [1403, 3],
      [1403, 1],
    ],
  },
  { op: 'sum', shapes: [[9001]], attributes: over(0), force: [{ reduce: 'columns-scalar' }] },
  { op: 'sum', shapes: [[9000]], attributes: over(0) },
  { op: 'sum', shapes: [[301, 8, 4]], attributes: over(0), force: [{ reduce: 'columns' }] },
  { op: 'max', shapes: [[300, 60]], attributes: over(1), force: [{ reduce: 'rows' }] },
  { op: 'min', shapes: [[300, 61]], attributes: over(1) },
  { op: 'mean', shapes: [[3, 1003, 7]], attributes: over(1) },
  { op: 'mean', shapes: [[5, 60, 64]], attributes: over(0, 2) },
  { op: 'sum', shapes: [[3, 5, 80]], attributes: over(0) },
  { op: 'permute', shapes: [[97, 89]], attributes: { axes: [1, 0] } },
  { op: 'permute', shapes: [[6, 10, 7, 16]], attributes: { axes: [2, 0, 1, 3] }, force: copy },
  { op: 'permute', shapes: [[5, 4, 6, 7, 8]], attributes: { axes: [4, 1, 3, 0, 2] } },
  { op: 'slice', shapes: [[3, 40, 44]], attributes: { starts: [0, 3, 4], sizes: [3, 36, 36] }, force: copy },
  { op: 'slice', shapes: [[3, 1501]], attributes: { starts: [1, 101], sizes: [2, 1377] } },
  {
    op: 'concat',
    shapes: [
      [30, 44],
      [30, 4],
    ],
    attributes: { axis: 1 },
    force: copy,
  },
  {
    op: 'concat',
    shapes: [
      [3, 701],
      [3, 702],
    ],
    attributes: { axis: 1 },
  },
  {
    op: 'concat',
    shapes: [
      [1501, 1],
      [1501, 1],
    ],
    attributes: { axis: 1 },
  },
  { op: 'toChannelsLast', shapes: [[3, 16, 9, 5]], attributes: {}, force: last },
  { op: 'toChannelsLast', shapes: [[1, 22, 9, 15]], attributes: { channels: 64 }, force: last },
  { op: 'toChannelsLast', shapes: [[2, 3, 37, 41]], attributes: { channels: 8 } },
  { op: 'toChannelsFirst', shapes: [[3, 9, 5, 16]], attributes: {}, force: first },
  { op: 'toChannelsFirst', shapes: [[1, 9, 15, 64]], attributes: { channels: 22 }, force: first },
  { op: 'toChannelsFirst', shapes: [[2, 37, 41, 8]], attributes: { channels: 3 } },
  {
    op: 'castToHalf',
    shapes: [[3, 1000]],
    force: [{ 'cast-to-half': 'vector' }, { 'cast-to-half': 'scalar' }],
  },
  { op: 'castToHalf', shapes: [[4099]] },
  {
    op: 'castFromHalf',
    shapes: [[3, 1000]],
    force: [{ 'cast-from-half': 'vector' }, { 'cast-from-half': 'scalar' }],
  },
  { op: 'castFromHalf', shapes: [[4099]] },
  { op: 'upsampleNearest2d', shapes: [[2, 31, 5, 8]], attributes: { factor: 2 } },
  { op: 'upsampleNearest2d', shapes: [[1, 37, 7, 3]], attributes: { factor: 3 } },
];

for (const adapter of await adapterCases()) {
  describe(`beyond one binding on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const { op: name, shapes, attributes = {}, force = [{}] } of cases) {
      for (const forced of force) {
        it(`${name} ${JSON.stringify(shapes)} ${JSON.stringify(forced)}`, async () => {
          const op = registry.find((entry) => entry.name === name);
          if (!op) throw new Error(`the registry has no ${name}`);
          const arrays = shapes.map((shape, i) => ({ shape, data: seededValues(i + 1, count(shape)) }));
          if (op.inputDTypes?.[0] === 'f16')
            for (const { data } of arrays) data.set(data.map((_, i) => i % 1999));
          const small = await devices.open({ force: forced, limits: { maxStorageBufferBindingSize: limit } });
          const large = await devices.open({ force: forced });
          const run = async (device: Device) => {
            const recorded = vi.spyOn(device, 'dispatch');
            using scope = openScope(device);
            const operands = arrays.map((array, i) => upload(scope, array, op.inputDTypes?.[i]));
            recorded.mockClear();
            const values = await apply(op, operands, attributes).read();
            const dispatches = recorded.mock.calls.length;
            recorded.mockRestore();
            return { values, dispatches };
          };
          const pieces = await run(small);
          const whole = await run(large);
          expect(pieces.dispatches).toBeGreaterThan(whole.dispatches);
          const expected = op.reference(arrays, attributes);
          expectWithin(pieces.values, expected, op.tolerance(arrays, attributes, expected), 'in pieces');
          if (name !== 'sum' && name !== 'mean') expect(pieces.values).toEqual(whole.values);
        });
      }
    }

    it('the finite check counts and finds across segments', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: limit } });
      for (const length of [9000, 9001]) {
        const values = new Float32Array(length);
        for (const [at, value] of [
          [7013, Number.NaN],
          [8999, Number.POSITIVE_INFINITY],
        ] as const)
          values[at] = value;
        using scope = openScope(device);
        const x = scope.tensor(values, [length]);
        const answers = ['countNonFinite', 'firstNonFinite'].map((name) => {
          const op = registry.find((entry) => entry.name === name);
          if (!op) throw new Error(`the registry has no ${name}`);
          return apply(op, [x], {}).read();
        });
        expect((await Promise.all(answers)).map(([answer]) => answer)).toEqual([2, 7013]);
      }
    });

    it('refuses to reduce an axis of which two steps do not fit', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: limit } });
      const sum = registry.find((entry) => entry.name === 'sum');
      if (!sum) throw new Error('the registry has no sum');
      using scope = openScope(device);
      const x = scope.tensor(new Float32Array(4000), [4, 1000]);
      let code = 'accepted';
      try {
        apply(sum, [x], over(0));
      } catch (error) {
        if (!(error instanceof LuaWebGpuError)) throw error;
        code = error.code;
      }
      expect(code).toBe('binding-too-large');
    });

    it('leaves no memory in use', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: limit } });
      expect(device.memory().inUse).toBe(0);
    });
  });
}

const count = (shape: Shape) => shape.reduce((a, b) => a * b, 1);
