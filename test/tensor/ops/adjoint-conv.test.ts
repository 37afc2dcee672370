import {
  apply,
  backward,
  type NdArray,
  type OpDefinition,
  openScope,
  registry,
  Tape,
  vjpOf,
} from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { expectWithin, seededValues } from '../../support/compare.ts';

type Device = Awaited<ReturnType<DeviceSet['open']>>;
interface Problem {
  readonly op: OpDefinition<unknown>;
  readonly shapes: readonly (readonly number[])[];
  readonly attributes: unknown;
}

function named(name: string): OpDefinition<unknown> {
  const op = registry.find((each) => each.name === name);
  if (!op) throw new Error(`the registry has no ${name}`);
  return op;
}

const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const values = (seed: number, shape: readonly number[]): NdArray => ({
  shape,
  data: seededValues(seed, count(shape)),
});
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

const side = fc.integer({ min: 1, max: 11 });
const channels = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(4, 8, 12, 20, 36));
const batch = fc.integer({ min: 1, max: 3 });
const border = (max: number) => {
  const size = fc.integer({ min: 0, max });
  return fc.record({ top: size, bottom: size, left: size, right: size });
};

const convolutions = fc
  .record({
    batch,
    height: side,
    width: side,
    cin: channels,
    cout: channels,
    kernel: fc.constantFrom([1, 1], [3, 3], [2, 3], [5, 1]),
    stride: fc.constantFrom(1, 1, 2, 3),
    padding: border(4),
  })
  .filter(
    ({ height, width, kernel: [kh = 0, kw = 0], padding: { top, bottom, left, right } }) =>
      height + top + bottom >= kh && width + left + right >= kw,
  )
  .map(
    ({ batch, height, width, cin, cout, kernel, stride, padding }): Problem => ({
      op: named('conv2d'),
      shapes: [
        [batch, height, width, cin],
        [...kernel, cin, cout],
      ],
      attributes: { stride, padding, activation: { kind: 'none' } },
    }),
  );

const image = fc.tuple(batch, side, side, fc.constantFrom(1, 3, 4, 8));
const pads = fc
  .tuple(image, border(13), fc.constantFrom('zeros', 'reflect', 'replicate'))
  .map(([shape, sizes, mode]): Problem => {
    return { op: named('pad2d'), shapes: [shape], attributes: { ...sizes, mode } };
  });
const crops = fc
  .tuple(image, border(3))
  .filter(
    ([[, height, width], { top, bottom, left, right }]) => top + bottom <= height && left + right <= width,
  )
  .map(([shape, { top, bottom, left, right }]): Problem => {
    const window = { top, left, height: shape[1] - top - bottom, width: shape[2] - left - right };
    return { op: named('crop2d'), shapes: [shape], attributes: window };
  });
const shuffles = (name: 'pixelShuffle' | 'pixelUnshuffle') =>
  fc
    .tuple(image, fc.integer({ min: 1, max: 4 }), fc.constantFrom('torch', 'block'))
    .map(([[b, h, w, c], factor, order]): Problem => {
      const shape = name === 'pixelShuffle' ? [b, h, w, c * factor ** 2] : [b, h * factor, w * factor, c];
      return { op: named(name), shapes: [shape], attributes: { factor, order } };
    });

const linear: [string, fc.Arbitrary<Problem>][] = [
  ['conv2d', convolutions],
  ['pad2d', pads],
  ['crop2d', crops],
  ['pixelShuffle', shuffles('pixelShuffle')],
  ['pixelUnshuffle', shuffles('pixelUnshuffle')],
];

/** The op's result and the gradients of its operands, all from the device. */
async function run(device: Device, { op, attributes }: Problem, inputs: readonly NdArray[], y: NdArray) {
  using scope = openScope(device);
  using tape = new Tape();
  const tensors = inputs.map(({ data, shape }) => tape.watch(scope.tensor(Float32Array.from(data), shape)));
  const output = apply(op, tensors, attributes);
  const result = await output.readFloats();
  using gradients = backward(output, { gradient: scope.tensor(Float32Array.from(y.data), y.shape) });
  return {
    result,
    gradients: await Promise.all(tensors.map(async (x) => (await gradients.of(x)?.readFloats()) ?? [])),
  };
}

for (const adapter of await adapterCases()) {
  describe(`adjoints on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it.each(linear)('%s: ⟨Ax, y⟩ = ⟨x, Aᵀy⟩ in every operand', async (_name, problems) => {
      const device = await devices.open();
      await fc.assert(
        fc.asyncProperty(problems, async (problem) => {
          const { op, shapes, attributes } = problem;
          const inputs = shapes.map((shape, i) => values(i + 1, shape));
          const reference = op.reference(inputs, attributes);
          const y = values(9, reference.shape);
          const { result, gradients } = await run(device, problem, inputs, y);
          const forward = spread(y.data, op.tolerance(inputs, attributes, reference));
          const expected = vjpOf(op)?.reference(inputs, attributes, y) ?? [];
          const bounds = vjpOf(op)?.tolerance(inputs, attributes, y, expected) ?? [];
          inputs.forEach(({ data }, i) => {
            const difference = inner(result, y.data) - inner(data, gradients[i] ?? []);
            // The sums are float64; what they add is rounded to it at most.
            const allowed = forward + spread(data, bounds[i]) + 1e-12 * (1 + data.length + y.data.length);
            expect(Math.abs(difference), `operand ${i}`).toBeLessThanOrEqual(allowed);
          });
        }),
        { numRuns: 25, seed: 11 },
      );
    });

    it.each([
      [
        'conv2d',
        [
          [3, 21, 13, 8],
          [3, 3, 8, 12],
        ],
        { stride: 1, padding: { top: 1, bottom: 1, left: 1, right: 1 } },
      ],
      [
        'conv2d',
        [
          [1, 70, 13, 3],
          [3, 3, 3, 5],
        ],
        { stride: 2, padding: { top: 1, bottom: 0, left: 0, right: 1 } },
      ],
      [
        'conv2d',
        [
          [2, 16, 12, 8],
          [1, 1, 8, 8],
        ],
        { stride: 1, padding: { top: 0, bottom: 0, left: 0, right: 0 } },
      ],
      ['pad2d', [[5, 7, 9, 4]], { top: 3, bottom: 2, left: 9, right: 0, mode: 'reflect' }],
    ])('%s %j takes its gradients in pieces that fit a binding', async (name, shapes, attributes) => {
      const op = named(name);
      const problem: Problem = { op, shapes, attributes: { activation: { kind: 'none' }, ...attributes } };
      const inputs = shapes.map((shape, i) => values(i + 1, shape));
      const y = values(9, op.reference(inputs, problem.attributes).shape);
      const expected = vjpOf(op)?.reference(inputs, problem.attributes, y) ?? [];
      const bounds = vjpOf(op)?.tolerance(inputs, problem.attributes, y, expected) ?? [];
      const device = await devices.open({ limits: { maxStorageBufferBindingSize: 8_192 } });
      const { gradients } = await run(device, problem, inputs, y);
      for (const [i, gradient] of gradients.entries()) {
        expectWithin(
          gradient,
          expected[i] as NdArray,
          bounds[i] as Float64Array | number,
          `${name} operand ${i}`,
        );
      }
    });
  });
}
