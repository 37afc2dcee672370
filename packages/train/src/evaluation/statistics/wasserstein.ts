/**
 * Wasserstein-1 distance of two samples of numbers: the area between their cumulative distributions, in the unit of the
 * values. Each value of a sample weighs the same; the samples may differ in size. Both are sorted in ascending order
 * (typed arrays' `sort`) and not empty.
 */
export function wasserstein(a: Float64Array, b: Float64Array): number {
  let area = 0;
  let at = Math.min(a[0] as number, b[0] as number);
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const next = Math.min(a[i] ?? Number.POSITIVE_INFINITY, b[j] ?? Number.POSITIVE_INFINITY);
    area += Math.abs(i / a.length - j / b.length) * (next - at);
    at = next;
    while (a[i] === next) i += 1;
    while (b[j] === next) j += 1;
  }
  return area;
}
