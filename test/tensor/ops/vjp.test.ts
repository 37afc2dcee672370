import { type Family, families, LuaWebGpuError } from '@lua-webgpu/kernels';
import {
  apply,
  backward,
  type NdArray,
  type OpDefinition,
  type Operands,
  openScope,
  registry,
  type Sample,
  Tape,
  type Tensor,
  type Vjp,
  vjpOf,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { expectWithin, materialise, seededValues } from '../../support/compare.ts';
import { upload } from '../../support/tensors.ts';

type AnyOp = OpDefinition<unknown>;
const differentiable = (registry as readonly AnyOp[]).filter(vjpOf);

interface Prepared {
  readonly sample: Sample<unknown>;
  readonly inputs: Operands<NdArray>;
  readonly cotangent: NdArray;
  readonly expected: Operands<NdArray>;
  readonly wanted: readonly number[];
}

function prepare(op: AnyOp, sample: Sample<unknown>, index: number): Prepared {
  const vjp = requireVjp(op);
  const inputs = sample.inputs.map((input, position) => materialise(input, 100 * index + position + 1));
  const output = op.reference(inputs, sample.attributes);
  const cotangent = { shape: output.shape, data: seededValues(7 + index, output.data.length) };
  const expected = vjp.reference(inputs, sample.attributes, cotangent);
  const wanted = inputs.flatMap((input, i) =>
    input && (vjp.differentiable?.includes(i) ?? true) ? [i] : [],
  );
  return { sample, inputs, cotangent, expected, wanted };
}

function requireVjp(op: AnyOp): Vjp<unknown> {
  const vjp = vjpOf(op);
  if (!vjp) throw new Error(`${op.name} has no vjp`);
  return vjp;
}

const samplesOf = (op: AnyOp) => requireVjp(op).samples ?? op.samples;

describe('float64 references', () => {
  for (const op of differentiable) {
    it(`${op.name}: the vjp is the derivative of the forward (eps 1e-6)`, () => {
      let checked = 0;
      for (const [index, sample] of samplesOf(op).entries()) {
        const { inputs, cotangent, expected, wanted } = prepare(op, sample, index);
        const forward = requireVjp(op).derivativeOf ?? op.reference;
        const value = (at: Operands<NdArray>) => {
          const { data } = forward(at, sample.attributes);
          return data.reduce((sum, y, i) => sum + y * (cotangent.data[i] as number), 0);
        };
        for (const position of wanted) {
          const input = inputs[position] as NdArray;
          const count = input.data.length;
          // Every element of small inputs, a spread of large ones: a reference run costs two per element.
          const step = Math.max(1, Math.ceil(count / 24));
          for (let i = 0; i < count; i += step) {
            const moved = (by: number) => {
              const data = input.data.slice();
              data[i] = (data[i] as number) + by;
              return value(inputs.map((each, p) => (p === position ? { shape: input.shape, data } : each)));
            };
            const numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            const analytic = expected[position]?.data[i] as number;
            const allowed = 1e-5 + 1e-3 * Math.abs(numeric);
            const what = `${op.name} ${sample.name ?? `sample ${index}`}: operand ${position}, element ${i}`;
            expect(
              Math.abs(analytic - numeric),
              `${what}: ${analytic}, numerically ${numeric}`,
            ).toBeLessThanOrEqual(allowed);
            checked += 1;
          }
        }
      }
      expect(checked).toBeGreaterThan(0);
    });
  }
});

const byName = new Map<string, Family<never>>(
  families.map((family) => [family.name, family as Family<never>]),
);
const forcings = (op: AnyOp): Record<string, string>[] => [
  {},
  ...op.families.flatMap((name) =>
    (byName.get(name)?.variants ?? []).map((variant) => ({ [name]: variant.name })),
  ),
];

for (const adapter of await adapterCases()) {
  describe(`vjps on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const op of differentiable) {
      for (const force of forcings(op)) {
        const label = Object.entries(force).map(([family, variant]) => ` by ${family}:${variant}`);
        it(`${op.name}${label} agrees with the float64 vjp, three times to the bit`, async () => {
          const device = await devices.open({ force });
          for (const [index, sample] of samplesOf(op).entries()) {
            const prepared = prepare(op, sample, index);
            const { inputs, cotangent, expected: references } = prepared;
            const bounds = requireVjp(op).tolerance(inputs, sample.attributes, cotangent, references);
            const what = `${op.name}${label} ${sample.name ?? `sample ${index}`}`;
            try {
              const first = await gradientsOf(device, op, prepared);
              for (const position of prepared.wanted) {
                const expected = prepared.expected[position] as NdArray;
                const bound = bounds[position];
                if (bound === undefined) throw new Error(`${what}: no tolerance for operand ${position}`);
                expectWithin(
                  first.get(position) ?? [],
                  expected,
                  bound,
                  `${what}: gradient of operand ${position}`,
                );
              }
              for (let repeat = 0; repeat < 2; repeat++) {
                const again = await gradientsOf(device, op, prepared);
                for (const position of prepared.wanted)
                  expect(again.get(position)).toEqual(first.get(position));
              }
            } catch (error) {
              if (!(error instanceof LuaWebGpuError && error.code === 'kernel-forced')) throw error;
              if (Object.keys(force).length === 0) throw error;
            }
          }
        });
      }
    }

    it('leaves no memory in use', async () => {
      const device = await devices.open();
      expect(device.memory().inUse).toBe(0);
    });
  });
}

async function gradientsOf(
  device: Awaited<ReturnType<DeviceSet['open']>>,
  op: AnyOp,
  { sample, inputs, cotangent, wanted }: Prepared,
): Promise<Map<number, Float32Array>> {
  using scope = openScope(device);
  using tape = new Tape();
  const tensors = inputs.map((input, i): Tensor | undefined => {
    const tensor = input && upload(scope, input, op.inputDTypes?.[i]);
    return tensor && (wanted.includes(i) ? tape.watch(tensor) : tensor);
  });
  const output = apply(op, tensors, sample.attributes);
  const gradient = scope.tensor(Float32Array.from(cotangent.data), cotangent.shape);
  using gradients = backward(output, { gradient });
  const results = new Map<number, Float32Array>();
  for (const position of wanted) {
    const result = gradients.of(tensors[position] as Tensor);
    if (result) results.set(position, await result.readFloats());
  }
  return results;
}
