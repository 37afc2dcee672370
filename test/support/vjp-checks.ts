/** What the gradient of every op has to pass: the checks behind vjp.test.ts and the mutation run. */
import assert from 'node:assert/strict';
import type { Device } from '@lua-webgpu/kernels';
import {
  apply,
  backward,
  type NdArray,
  type Operands,
  openScope,
  type Sample,
  Tape,
  type Tensor,
  type Vjp,
  vjpOf,
} from '@lua-webgpu/tensor';
import { expectWithin, materialise, seededValues } from './compare.ts';
import { type AnyOp, type Forcing, isForcingRefused, oncePerSample } from './op-checks.ts';
import { upload } from './tensors.ts';

export interface Prepared {
  readonly sample: Sample<unknown>;
  readonly inputs: Operands<NdArray>;
  readonly cotangent: NdArray;
  readonly expected: Operands<NdArray>;
  readonly wanted: readonly number[];
}

export function prepare(op: AnyOp, sample: Sample<unknown>, index: number): Prepared {
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

/** @throws Error for an op that says that it has none */
export function requireVjp(op: AnyOp): Vjp<unknown> {
  const vjp = vjpOf(op);
  if (!vjp) throw new Error(`${op.name} has no vjp`);
  return vjp;
}

export const vjpSamples = (op: AnyOp) => requireVjp(op).samples ?? op.samples;

const preparedOf = oncePerSample((op, sample, index) => {
  const prepared = prepare(op, sample, index);
  const { inputs, cotangent, expected } = prepared;
  return { prepared, bounds: requireVjp(op).tolerance(inputs, sample.attributes, cotangent, expected) };
});

/** Every sample's gradients against the float64 vjp, three times to the bit, and each where no other is wanted. */
export async function checkVjp(device: Device, op: AnyOp, force: Forcing, label: string): Promise<void> {
  for (const [index, sample] of vjpSamples(op).entries()) {
    const { prepared, bounds } = preparedOf(op, sample, index);
    const { expected, wanted } = prepared;
    const what = `${label} ${sample.name ?? `sample ${index}`}`;
    const compare = (gradients: ReadonlyMap<number, Float32Array>, position: number, when: string) => {
      const bound = bounds[position];
      if (bound === undefined) throw new Error(`${what}: no tolerance for operand ${position}`);
      const operand = `${what}: gradient of operand ${position}${when}`;
      expectWithin(gradients.get(position) ?? [], expected[position] as NdArray, bound, operand);
    };
    try {
      const first = await gradientsOf(device, op, prepared);
      for (const position of wanted) compare(first, position, '');
      for (let repeat = 0; repeat < 2; repeat++) {
        assert.deepEqual(await gradientsOf(device, op, prepared), first, `${what}: the same bits again`);
      }
      for (const position of wanted.length > 1 ? wanted : []) {
        compare(await gradientsOf(device, op, { ...prepared, wanted: [position] }), position, ' alone');
      }
    } catch (error) {
      if (!isForcingRefused(error) || Object.keys(force).length === 0) throw error;
    }
  }
}

async function gradientsOf(
  device: Device,
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
