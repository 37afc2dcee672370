import { readFile } from 'node:fs/promises';
import { type Device, LuaWebGpuError } from '@lua-webgpu/kernels';
import { apply, openScope, registry, type Scope } from '@lua-webgpu/tensor';

/** One op with fixed inputs and what PyTorch computes from them; made by scripts/make_self_test.py. */
export interface SelfTestCase {
  readonly op: string;
  /** Shapes of the operands, null for an absent one; their values come from {@link testValues}. */
  readonly inputs: readonly (readonly number[] | null)[];
  readonly attributes: unknown;
  readonly shape: readonly number[];
  /** Every `stride`-th value of the result. */
  readonly stride: number;
  readonly expected: readonly number[];
  /** Largest allowed |difference|. */
  readonly tolerance: number;
}

export interface SelfTestResult {
  readonly op: string;
  readonly passed: boolean;
  readonly ms: number;
  /** Largest |difference|; null where the op did not run. */
  readonly error: number | null;
  readonly tolerance: number;
  /** Why it did not run. */
  readonly reason?: string;
}

/** The stored cases. */
export async function selfTestCases(): Promise<readonly SelfTestCase[]> {
  // Two levels up from src/self-test/ as well as from dist/self-test/.
  const text = await readFile(new URL('../../data/self-test.json', import.meta.url), 'utf8');
  return JSON.parse(text) as SelfTestCase[];
}

/** Values in [−1, 1) that the script makes in the same way: a walk through the residues of a prime. */
export function testValues(operand: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    return (((i + 1) * 7919 + operand * 104729) % 2003) / 1001.5 - 1;
  });
}

/** Runs one case on a device. A failure is a result, not an exception. */
export async function runSelfTest(device: Device, test: SelfTestCase): Promise<SelfTestResult> {
  const { op, tolerance } = test;
  const start = performance.now();
  const took = () => Math.round((performance.now() - start) * 100) / 100;
  try {
    using scope = openScope(device);
    const error = worst(test, await compute(scope, test));
    return {
      op,
      passed: error <= tolerance,
      ms: took(),
      error: Number.isFinite(error) ? error : null,
      tolerance,
    };
  } catch (error) {
    if (!(error instanceof LuaWebGpuError)) throw error;
    return {
      op,
      passed: false,
      ms: took(),
      error: null,
      tolerance,
      reason: `[${error.code}] ${error.message}`,
    };
  }
}

async function compute(
  scope: Scope,
  { op: name, inputs, attributes, shape }: SelfTestCase,
): Promise<ArrayLike<number>> {
  const op = registry.find((each) => each.name === name);
  if (!op) throw new RangeError(`the self-test names the op ${name}, which is not registered`);
  const operands = inputs.map((input, i) => {
    return input === null
      ? undefined
      : scope.tensor(
          testValues(
            i,
            input.reduce((a, b) => a * b, 1),
          ),
          input,
        );
  });
  const result = apply(op, operands, attributes);
  if (result.shape.join() !== shape.join())
    throw new RangeError(`${name} gave [${result.shape}], not [${shape}]`);
  return await result.read();
}

/** Largest |difference|, infinite where anything is NaN. */
function worst({ expected, stride }: SelfTestCase, actual: ArrayLike<number>): number {
  return expected.reduce((largest, value, i) => {
    // Nine digits name a float32, which is what they are compared as.
    const difference = Math.abs((actual[i * stride] ?? Number.NaN) - Math.fround(value));
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
  }, 0);
}
