/** The array with its axes in another order, as numpy's transpose: axis i of the result is `order[i]` of the operand. */
export function transposed(
  data: Float32Array,
  shape: readonly number[],
  order: readonly number[],
): Float32Array<ArrayBuffer> {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const sizes = order.map((axis) => shape[axis] as number);
  const steps = order.map((axis) => strides[axis] as number);
  const result = new Float32Array(data.length);
  const index = sizes.map(() => 0);
  for (let at = 0, from = 0; at < result.length; at++) {
    result[at] = data[from] as number;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      from += steps[axis] as number;
      if ((index[axis] as number) < (sizes[axis] as number)) break;
      from -= (sizes[axis] as number) * (steps[axis] as number);
      index[axis] = 0;
    }
  }
  return result;
}

/** Rows of `from` values with zeros behind, up to `to`. */
export function padded(data: Float32Array, from: number, to: number): Float32Array<ArrayBuffer> {
  const rows = data.length / from;
  const result = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) result.set(data.subarray(row * from, (row + 1) * from), row * to);
  return result;
}

/** The first `to` values of rows of `from`. */
export function cropped(data: Float32Array, from: number, to: number): Float32Array<ArrayBuffer> {
  const rows = data.length / from;
  const result = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) result.set(data.subarray(row * from, row * from + to), row * to);
  return result;
}

/** [1, H, W, C] to [1, C, H, W]. */
export const channelsFirst = (data: Float32Array, side: number, channels: number) =>
  transposed(data, [side * side, channels], [1, 0]);

/** [1, C, H, W] to [1, H, W, C]. */
export const channelsLast = (data: Float32Array, side: number, channels: number) =>
  transposed(data, [channels, side * side], [1, 0]);

/** Largest difference over the largest magnitude that was expected; infinite where anything is not finite. */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [difference, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [found[i] as number, expected[i] as number];
    if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, Math.abs(a - b));
    largest = Math.max(largest, Math.abs(b));
  }
  return difference === 0 ? 0 : difference / largest;
}
