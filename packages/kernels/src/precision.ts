import { closest } from './closest.ts';
import { KernelError } from './errors.ts';

const precisions = ['highest', 'medium'] as const;

/**
 * What products and convolutions may do with float32 operands, by the name of `torch.set_float32_matmul_precision`: `medium` lets
 * variants round them to float16 (relative error 2⁻¹¹, infinite past 65,504, perhaps 0 below 6e-5) where that is faster. Sums are
 * float32. For a network's inference: many gradients are smaller, and a VAE's maps may be larger.
 */
export type MatmulPrecision = (typeof precisions)[number];

/**
 * What `openDevice` was given, or else LUA_WEBGPU_MATMUL_PRECISION says; `highest` without either.
 * @throws KernelError `matmul-precision`
 */
export function matmulPrecision(given: string | undefined): MatmulPrecision {
  const source = given === undefined ? 'LUA_WEBGPU_MATMUL_PRECISION' : 'float32MatmulPrecision';
  const name = given ?? (globalThis.process?.env?.LUA_WEBGPU_MATMUL_PRECISION || 'highest');
  const precision = precisions.find((each) => each === name);
  if (precision) return precision;
  const guess = closest(name, precisions);
  throw new KernelError(
    'matmul-precision',
    `${source} is ${JSON.stringify(name)}`,
    `${guess === undefined ? '' : `Did you mean ${guess}? `}It is ${precisions.join(' or ')}.`,
  );
}
