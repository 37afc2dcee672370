import type { Activation } from '@lua-webgpu/kernels';
import type { Tensor } from '../core/index.ts';
import { isRecorded, type Operands } from './define.ts';
import { gelu, leakyRelu, relu } from './unary.ts';

/**
 * activation(product): one kernel where nothing is recorded. On a tape the activation is an op of its own, which keeps what
 * its slope depends on; the gradient of the one kernel would have to compute the product again.
 *
 * @param product computes activation(product) of the operands in one kernel
 */
export function withActivation(
  operands: Operands<Tensor>,
  activation: Activation,
  product: (activation: Activation) => Tensor,
): Tensor {
  if (activation.kind === 'none' || !isRecorded(operands)) return product(activation);
  using linear = product({ kind: 'none' });
  if (activation.kind === 'gelu') return gelu(linear);
  const { slope } = activation;
  // The sign of its result tells relu's slope, so nothing more is kept than what the next op keeps.
  return slope === 0 ? relu(linear) : leakyRelu(linear, { slope });
}

/** For the vjp of ops whose kernels can end in an activation. */
export function requireLinear(op: string, { kind }: Activation): void {
  if (kind !== 'none')
    throw new TypeError(`${op} with ${kind} has no gradient: withActivation takes them apart`);
}
