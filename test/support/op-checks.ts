/**
 * What every op has to pass with every variant: the checks behind registry.test.ts and the mutation run. They throw
 * AssertionErrors, which need no test runner.
 */
import assert from 'node:assert/strict';
import { type Device, type Family, families, LuaWebGpuError } from '@lua-webgpu/kernels';
import {
  apply,
  applyBoth,
  type NdArray,
  type OpDefinition,
  openScope,
  type Sample,
} from '@lua-webgpu/tensor';
import { expectWithin, materialise } from './compare.ts';
import { upload } from './tensors.ts';

export type AnyOp = OpDefinition<unknown>;

/** A variant by its family's name; nothing for the default choice. */
export type Forcing = Readonly<Record<string, string>>;

const byName = new Map<string, Family<never>>(
  families.map((family) => [family.name, family as Family<never>]),
);

/** Every way to run an op: the default choice, then each variant of each of its families by force. */
export function forcings(op: AnyOp): Forcing[] {
  const forced = op.families.flatMap((name) => {
    const family = byName.get(name);
    if (!family)
      throw new Error(`${op.name} names the family ${name}, which packages/kernels/src/all.ts does not list`);
    return family.variants.map((variant) => ({ [name]: variant.name }));
  });
  return [{}, ...forced];
}

/** Whether what is forced asks for something that a device may lack or not allow. */
export const isOptional = (force: Forcing): boolean =>
  Object.entries(force).some(([family, name]) => {
    const variant = byName.get(family)?.variants.find((each) => each.name === name);
    return variant?.roundsToHalf === true || (variant?.kernel.features?.length ?? 0) > 0;
  });

/** An op's name and what is forced, for messages. */
export const labelOf = (op: AnyOp, force: Forcing): string =>
  [op.name, ...Object.entries(force).map(([family, variant]) => `by ${family}:${variant}`)].join(' ');

/**
 * Computes once what belongs to a sample and not to a variant. Only that of the last op is kept, since references are slow
 * to compute and large.
 */
export function oncePerSample<T>(
  compute: (op: AnyOp, sample: Sample<unknown>, index: number) => T,
): typeof compute {
  let last: { readonly op: AnyOp; readonly found: Map<number, T> } | undefined;
  return (op, sample, index) => {
    if (last?.op !== op) last = { op, found: new Map() };
    const result = last.found.get(index) ?? compute(op, sample, index);
    last.found.set(index, result);
    return result;
  };
}

const referenceOf = oncePerSample((op, sample, index) => {
  const inputs = sample.inputs.map((input, position) => materialise(input, 100 * index + position + 1));
  const of = ({ reference, tolerance }: Pick<AnyOp, 'reference' | 'tolerance'>, what: string) => {
    const expected = reference(inputs, sample.attributes);
    return { what, expected, bound: tolerance(inputs, sample.attributes, expected) };
  };
  const alone = of(op, '');
  const both = op.second && [{ ...alone, what: ', beside the second' }, of(op.second, ', second result')];
  return { inputs, results: [alone, ...(both ?? [])] };
});

/**
 * Every sample against the float64 reference, three times to the bit.
 * @returns how many samples ran, and why the others did not: the forced variant does not take them
 */
export async function checkForward(
  device: Device,
  op: AnyOp,
  label: string,
): Promise<{ ran: number; notRun: string[] }> {
  const notRun: string[] = [];
  let ran = 0;
  for (const [index, sample] of op.samples.entries()) {
    const what = `${label} ${sample.name ?? `sample ${index}`}`;
    const { inputs, results } = referenceOf(op, sample, index);
    using scope = openScope(device);
    const run = async () => {
      const tensors = inputs.map((input, i) => input && upload(scope, input, op.inputDTypes?.[i]));
      const alone = await apply(op, tensors, sample.attributes).read();
      if (!op.second) return [alone];
      const { result, second } = applyBoth(op, tensors, sample.attributes);
      return [alone, await result.read(), await second.read()];
    };
    try {
      const first = await run();
      for (const [i, { what: which, expected, bound }] of results.entries()) {
        expectWithin(first[i] ?? [], expected, bound, `${what}${which}`);
      }
      for (let repeat = 0; repeat < 2; repeat++) {
        assert.deepEqual((await run()).map(bits), first.map(bits), `${what}: the same bits again`);
      }
      ran += 1;
    } catch (error) {
      if (!isForcingRefused(error)) throw error;
      notRun.push(`${what}: ${error.message}`);
    }
  }
  return { ran, notRun };
}

/** Every refusal by its code. */
export function checkRefusals(device: Device, op: AnyOp): void {
  assert.ok(op.refusals.length > 0, `${op.name} refuses nothing`);
  for (const { code, inputs, dtypes = op.inputDTypes, attributes } of op.refusals) {
    using scope = openScope(device);
    const tensors = inputs.map(
      (shape, i) => shape && upload(scope, materialise(shape, 1) as NdArray, dtypes?.[i]),
    );
    const what = `${op.name} ${JSON.stringify(inputs)} ${JSON.stringify(attributes)}`;
    assert.equal(
      codeOf(() => apply(op, tensors, attributes)),
      code,
      what,
    );
  }
}

/** Whether the forced variant does not exist on the device or does not take the shape. */
export const isForcingRefused = (error: unknown): error is LuaWebGpuError =>
  error instanceof LuaWebGpuError && error.code === 'kernel-forced';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof LuaWebGpuError) return error.code;
    throw error;
  }
  return 'accepted';
}

const bits = (values: Float32Array | Int32Array | Uint32Array) =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);
