import { apply, backward, type NdArray, openScope, registry, Tape, vjpOf } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { materialise, seededValues } from '../../support/compare.ts';
import { upload } from '../../support/tensors.ts';
import { count, linearProblems, named, operandsOf } from './linear-problems.ts';

type Device = Awaited<ReturnType<DeviceSet['open']>>;
type AnyOp = (typeof registry)[number];

const inner = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((sum, value, i) => sum + value * (b[i] ?? Number.NaN), 0);
};
/** Σ |a|·bound: how far an inner product with `a` may be off. */
const spread = (a: ArrayLike<number>, bound: Float64Array | number | undefined) =>
  Array.from(a).reduce((sum, value, i) => {
    const each = typeof bound === 'number' ? bound : bound?.[i];
    return sum + Math.abs(value) * (each ?? Number.NaN);
  }, 0);

/** The op's result and the gradients of its operands, all from the device. */
async function run(device: Device, op: AnyOp, attributes: unknown, inputs: readonly NdArray[], y: NdArray) {
  using scope = openScope(device);
  using tape = new Tape();
  const wants = (i: number) => vjpOf(op)?.differentiable?.includes(i) ?? true;
  const tensors = inputs.map((input, i) => {
    const tensor = upload(scope, input, op.inputDTypes?.[i]);
    return wants(i) ? tape.watch(tensor) : tensor;
  });
  const output = apply(op, tensors, attributes);
  const result = await output.readFloats();
  using gradients = backward(output, { gradient: upload(scope, y) });
  return {
    result,
    gradients: await Promise.all(tensors.map(async (x) => (await gradients.of(x)?.readFloats()) ?? [])),
  };
}

/** Whether the float64 reference is linear in an operand, or in all at once, at every sample that is not tiny. */
function isLinear(op: AnyOp): boolean {
  const samples = (vjpOf(op)?.samples ?? op.samples).filter(({ inputs }) =>
    inputs.every((input) => !input || count('data' in input ? input.shape : input) >= 12),
  );
  const positions = [...(samples[0]?.inputs.keys() ?? [])];
  const takers = positions.filter((i) => vjpOf(op)?.differentiable?.includes(i) ?? true);
  return [...takers.map((i) => [i]), takers].some((group) =>
    samples.every((sample) => isLinearAt(op, sample, group)),
  );
}

function isLinearAt(op: AnyOp, { inputs, attributes }: AnyOp['samples'][number], group: readonly number[]) {
  const arrays = inputs.map((input, i) => materialise(input, i + 1));
  /** The reference at a·x + b·x′, where x′ is x turned round. */
  const at = (a: number, b: number) => {
    const mixed = arrays.map((array, i) => {
      if (!array || !group.includes(i)) return array;
      const turned = array.data.toReversed();
      return { shape: array.shape, data: array.data.map((x, k) => a * x + b * (turned[k] as number)) };
    });
    return op.reference(mixed, attributes).data;
  };
  const [x, turned, both] = [at(1, 0), at(0, 1), at(0.7, 1.9)];
  const scale = both.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return both.every((value, i) => {
    const sum = 0.7 * (x[i] as number) + 1.9 * (turned[i] as number);
    return Math.abs(value - sum) <= 1e-9 * scale;
  });
}

it('every linear op has problems here', () => {
  const linear = registry.filter((op) => vjpOf(op) && isLinear(op)).map(({ name }) => name);
  expect(linear.length).toBeGreaterThan(20);
  expect(linear.filter((name) => !(name in linearProblems))).toEqual([]);
});

for (const adapter of await adapterCases()) {
  describe(`adjoints on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(Object.entries(linearProblems))('%s: ⟨Ax, y⟩ = ⟨x, Aᵀy⟩', async (name, problems) => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(problems, async (problem) => {
          const { attributes, groups = [[0]] } = problem;
          const op = named(problem.op);
          const inputs = operandsOf(problem);
          const reference = op.reference(inputs, attributes);
          const y = { shape: reference.shape, data: seededValues(9, reference.data.length) };
          const { result, gradients } = await run(device, op, attributes, inputs, y);
          const forward = spread(y.data, op.tolerance(inputs, attributes, reference));
          const expected = vjpOf(op)?.reference(inputs, attributes, y) ?? [];
          const bounds = vjpOf(op)?.tolerance(inputs, attributes, y, expected) ?? [];
          for (const group of groups) {
            const values = group.map((i) => (inputs[i] as NdArray).data);
            const back = group.reduce((sum, i, k) => sum + inner(values[k] ?? [], gradients[i] ?? []), 0);
            const elements = values.reduce((sum, { length }) => sum + length, y.data.length);
            const allowed = group.reduce((sum, i, k) => sum + spread(values[k] ?? [], bounds[i]), forward);
            // The sums are float64; what they add is rounded to it at most.
            const rounding = 1e-12 * (1 + elements);
            const difference = Math.abs(inner(result, y.data) - back);
            expect(difference, `${name}, operands ${group}`).toBeLessThanOrEqual(allowed + rounding);
          }
        }),
        { numRuns: name === 'conv2d' ? 25 : 15, seed: 11 },
      );
    });
  });
}
