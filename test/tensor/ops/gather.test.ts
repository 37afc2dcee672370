import {
  backward,
  gather,
  mul,
  type NdArray,
  openScope,
  type Scope,
  scatterAdd,
  sum,
  Tape,
  type Tensor,
} from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { seededValues } from '../../support/compare.ts';
import { upload } from '../../support/tensors.ts';

const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const values = (seed: number, shape: readonly number[]): NdArray => ({
  shape,
  data: seededValues(seed, count(shape)),
});
const indices = (shape: readonly number[], size: number): NdArray => ({
  shape,
  data: seededValues(3, count(shape)).map((value) => Math.floor(((value + 1) / 2) * size)),
});

interface Problem {
  readonly outer: readonly number[];
  readonly size: number;
  readonly rows: number;
  readonly inner: readonly number[];
  readonly list: boolean;
}
const sizes = (max: number) => fc.array(fc.integer({ min: 1, max }), { maxLength: 2 });
const problems: fc.Arbitrary<Problem> = fc.record({
  outer: sizes(4),
  size: fc.integer({ min: 1, max: 13 }),
  rows: fc.integer({ min: 1, max: 40 }),
  inner: fc.oneof(sizes(7), fc.constantFrom([4], [8], [2, 12])),
  list: fc.boolean(),
});
/** Operands of a problem, and the axis. */
function operands({ outer, size, rows, inner, list }: Problem) {
  const taken = [...outer, rows, ...inner];
  return {
    x: values(1, [...outer, size, ...inner]),
    gradient: values(2, taken),
    index: indices(list ? [rows] : taken, size),
    axis: outer.length,
  };
}

/** gather along an axis and its adjoint, by the definition of `torch.gather`, in float32. */
function byDefinition(problem: Problem) {
  const { x, gradient, index } = operands(problem);
  const { size, rows, inner, list } = problem;
  const columns = count(inner);
  const place = (row: number) => {
    const [line, column] = [Math.floor(row / columns), row % columns];
    const at = index.data[list ? line % rows : row] as number;
    return (Math.floor(line / rows) * size + at) * columns + column;
  };
  const back = new Float32Array(x.data.length);
  gradient.data.forEach((value, row) => {
    back[place(row)] = Math.fround((back[place(row)] as number) + value);
  });
  return { taken: Float32Array.from(gradient.data, (_, row) => x.data[place(row)] as number), back };
}

for (const adapter of await adapterCases()) {
  describe(`gather on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    const run = async (scope: Scope, problem: Problem) => {
      const { x, gradient, index, axis } = operands(problem);
      const list = upload(scope, index, 'i32');
      const taken = gather(upload(scope, x), list, { axis });
      const back = scatterAdd(upload(scope, gradient), list, { axis, size: problem.size });
      return { taken: await taken.readFloats(), back: await back.readFloats() };
    };

    it('takes what the index names, and adds up in ascending order, to the bit', async () => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(problems, async (problem) => {
          using scope = openScope(device);
          expect(await run(scope, problem)).toEqual(byDefinition(problem));
        }),
        { numRuns: 60, seed: 5 },
      );
    });

    it.each<[string, Problem]>([
      ['a list', { outer: [9], size: 11, rows: 7, inner: [64], list: true }],
      ['element by element', { outer: [9], size: 11, rows: 7, inner: [37], list: false }],
      ['one of each row', { outer: [40], size: 3, rows: 70, inner: [], list: false }],
    ])('%s: in pieces that fit a binding with the same bits', async (_name, problem) => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 4096 } });
      const recorded = vi.spyOn(device, 'dispatch');
      using scope = openScope(device);
      expect(await run(scope, problem)).toEqual(byDefinition(problem));
      expect(recorded.mock.calls.length).toBeGreaterThan(3);
      recorded.mockRestore();
    });

    it('a long list is taken in pieces, and refused where its adjoint does not fit a binding', async () => {
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 4096 } });
      const problem: Problem = { outer: [], size: 3, rows: 900, inner: [4], list: true };
      const { x, index, gradient } = operands(problem);
      using scope = openScope(device);
      const list = upload(scope, index, 'i32');
      const taken = await gather(upload(scope, x), list, { axis: 0 }).readFloats();
      expect(taken).toEqual(byDefinition(problem).taken);
      expect(() => scatterAdd(upload(scope, gradient), list, { axis: 0, size: 3 })).toThrow(
        expect.objectContaining({ code: 'binding-too-large' }),
      );
    });

    it('integers are copied, and an index outside gives NaN or all bits set', async () => {
      using scope = openScope(await devices.open());
      const list = scope.tensor(Uint32Array.of(2, 0, 3, 2 ** 32 - 1), [4]);
      const take = (x: Tensor) => gather(x, list, { axis: 0 }).read();
      expect(await take(scope.tensor(Int32Array.of(-7, 1, -9), [3]))).toEqual(Int32Array.of(-9, -7, -1, -1));
      const unsigned = scope.tensor(Uint32Array.of(7, 1, 2 ** 31), [3]);
      expect(await take(unsigned)).toEqual(Uint32Array.of(2 ** 31, 7, 2 ** 32 - 1, 2 ** 32 - 1));
      const floats = scope.tensor([0.5, 1, 1.5], [3]);
      expect(await take(floats)).toEqual(Float32Array.of(1.5, 0.5, Number.NaN, Number.NaN));
    });

    it('an array is checked on the host, and needs no tensor', async () => {
      using scope = openScope(await devices.open());
      const x = scope.tensor([1, 2, 3, 4, 5, 6], [3, 2]);
      expect(await gather(x, [2, 0, 2], { axis: 0 }).read()).toEqual(Float32Array.of(5, 6, 1, 2, 5, 6));
      expect(await gather(x, [1], { axis: -1 }).read()).toEqual(Float32Array.of(2, 4, 6));
      for (const wrong of [3, -1, 0.5, Number.NaN]) {
        expect(() => gather(x, [0, wrong], { axis: 0 })).toThrow(
          expect.objectContaining({
            code: 'attribute-invalid',
            message: expect.stringContaining('index[1]'),
          }),
        );
      }
    });

    it('an index that is smaller along the other axes takes from the corner, as torch.gather', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const x = tape.watch(scope.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3]));
      const index = scope.tensor(Int32Array.of(2, 2, 0, 1), [2, 2]);
      const y = gather(x, index, { axis: 1 });
      expect(await y.read()).toEqual(Float32Array.of(3, 3, 4, 5));
      using gradients = backward(sum(mul(y, scope.tensor([1, 10, 100, 1000], [2, 2]))));
      expect(await gradients.of(x)?.read()).toEqual(Float32Array.of(0, 0, 11, 100, 1000, 0, 0, 0, 0));
    });

    it('an index has no gradient, and one that wants one is refused', async () => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const index = tape.watch(scope.tensor(Int32Array.of(0), [1]));
      expect(() => gather(scope.tensor([1, 2], [2]), index, { axis: 0 })).toThrow(
        expect.objectContaining({ code: 'autograd-no-vjp', message: expect.stringContaining('operand 1') }),
      );
    });

    it('leaves no memory in use', async () => {
      const device = await devices.open();
      await device.synchronize();
      expect(device.memory().inUse).toBe(0);
    });
  });
}
