import { NonFiniteError } from '@lua-webgpu/kernels';
import { countNonFinite, firstNonFinite, formatShape, scoped, type Tensor } from '@lua-webgpu/tensor';

/**
 * Waits for a tensor and refuses NaN and infinity.
 * @throws NonFiniteError `non-finite`, with the count and the first place
 */
export async function requireFinite(tensor: Tensor, what: string): Promise<void> {
  using counter = scoped(tensor, countNonFinite);
  const [count = 0] = await counter.read();
  if (count === 0) return;
  using finder = scoped(tensor, firstNonFinite);
  const [first = 0] = await finder.read();
  throw new NonFiniteError(
    'non-finite',
    `${what} ${formatShape(tensor.shape)} holds ${count} values that are NaN or infinite, the first at ${place(first, tensor.shape)}`,
    'Check what produced the latent: its scale (decoder-ready or diffusion), and overflow where it was computed in f16.',
  );
}

/** Row-major coordinates of an element. */
function place(index: number, shape: readonly number[]): string {
  const coordinates: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    coordinates.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return formatShape(coordinates);
}
