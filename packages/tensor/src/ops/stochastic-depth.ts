import type { Tensor } from '../core/index.ts';
import { apply } from './define.ts';
import { type DropoutOptions, defineDropout, dropoutAttributes } from './dropout.ts';

export const stochasticDepthOp = defineDropout('stochasticDepth', true);

/**
 * x [samples, ...] with each sample set to 0 as a whole with probability p, the others divided by 1 − p (Huang et al.
 * 2016, arXiv 1603.09382, as timm's DropPath). Which ones is a pure function of seed, step, stream and sample.
 * @throws ShapeError `dtype-mismatch`, `attribute-invalid`
 */
export function stochasticDepth(x: Tensor, options: DropoutOptions): Tensor {
  return apply(stochasticDepthOp, [x], dropoutAttributes(options));
}
