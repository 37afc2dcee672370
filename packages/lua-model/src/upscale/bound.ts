import { ShapeError } from '@lua-webgpu/kernels';
import { add, max, maximum, min, minimum, mul, type Scope, sub, type Tensor } from '@lua-webgpu/tensor';

/**
 * Keeps what a network made of latents it was not trained on where a decoder knows it: each channel of each result stays
 * within the range that the latent has there, widened at both ends by `margin` of its width.
 *
 * @param latent [B, C, h, w]
 * @param result [B, C, H, W]
 */
export function boundToInput(scope: Scope, latent: Tensor, result: Tensor, margin: number): Tensor {
  const spatial = { axes: [2, 3], keepDims: true };
  const low = min(latent, spatial);
  const high = max(latent, spatial);
  const slack = mul(
    sub(high, low),
    scope.constant(`${margin}`, () => [margin], [1]),
  );
  return minimum(maximum(result, sub(low, slack)), add(high, slack));
}

/** @throws ShapeError `upscale-bound` for a margin that is no number from 0 up */
export function checkBound(margin: number | undefined): void {
  if (margin === undefined || (Number.isFinite(margin) && margin >= 0)) return;
  throw new ShapeError(
    'upscale-bound',
    `bound is ${margin}`,
    'It is a share of the range of the latent: 0, 0.25, ….',
  );
}
