import type { Device } from '@lua-webgpu/kernels';
import { backward, type NdArray, openScope, Tape, type Tensor } from '@lua-webgpu/tensor';
import { type LossContext, type LossName, type LossTerm, lossTerms } from '@lua-webgpu/train';
import { seededValues } from '../../support/compare.ts';

type AnyTerm = LossTerm<object>;

/** A loss and its options, as an objective has them. */
export interface LossCase {
  readonly name: LossName;
  readonly options?: object;
  readonly context?: LossContext;
}

export const describeCase = ({ name, options }: LossCase): string =>
  options ? `${name} ${JSON.stringify(options)}` : name;

export const termOf = ({ name }: LossCase): AnyTerm => lossTerms[name] as unknown as AnyTerm;

export const upload = (scope: ReturnType<typeof openScope>, { data, shape }: NdArray): Tensor =>
  scope.tensor(Float32Array.from(data), shape);

/** The loss and its gradient with respect to the prediction, on the device. */
export async function onDevice(
  device: Device,
  loss: LossCase,
  prediction: NdArray,
  target: NdArray,
): Promise<{ value: number; gradient: Float32Array }> {
  using scope = openScope(device);
  using tape = new Tape();
  const p = tape.watch(upload(scope, prediction));
  const value = termOf(loss).loss(p, upload(scope, target), loss.options ?? {}, loss.context ?? {});
  using gradients = backward(value);
  const gradient = await (gradients.of(p) as Tensor).readFloats();
  return { value: (await value.readFloats())[0] as number, gradient };
}

/** The loss in float64. */
export function inFloat64(loss: LossCase, prediction: NdArray, target: NdArray): number {
  return termOf(loss).reference(prediction, target, loss.options ?? {}, loss.context ?? {});
}

/** Values in [0, 1) for images, in [−2, 2) for latents, that float32 holds. */
export function seeded(seed: number, shape: readonly number[], space: 'latent' | 'pixel'): NdArray {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = seededValues(seed, count).map((value) => (space === 'pixel' ? (value + 1) / 2 : 2 * value));
  return { shape, data };
}

/** max |a − b| relative to max |b|; infinite where anything is not finite or the lengths differ. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [largest, worst] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i] as number));
    const off = Math.abs((actual[i] as number) - (expected[i] as number));
    worst = off <= worst ? worst : Number.isNaN(off) ? Number.POSITIVE_INFINITY : off;
  }
  return worst === 0 ? 0 : worst / largest;
}
