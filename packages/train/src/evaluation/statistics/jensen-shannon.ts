/**
 * Jensen–Shannon divergence of two samples of numbers, in nats: 0 for equal histograms, ln 2 for disjoint ones. The
 * histograms have `bins` bins of equal width between the least and the largest value of both samples. Both are sorted in
 * ascending order and not empty.
 */
export function jensenShannon(a: Float64Array, b: Float64Array, bins: number): number {
  const least = Math.min(a[0] as number, b[0] as number);
  const largest = Math.max(a.at(-1) as number, b.at(-1) as number);
  if (largest === least) return 0;
  const shares = (sample: Float64Array) => {
    const counts = new Float64Array(bins);
    for (const value of sample) {
      const bin = Math.min(bins - 1, Math.floor(((value - least) / (largest - least)) * bins));
      counts[bin] = (counts[bin] as number) + 1;
    }
    return counts.map((count) => count / sample.length);
  };
  const [p, q] = [shares(a), shares(b)];
  let sum = 0;
  for (let bin = 0; bin < bins; bin++) {
    const [inA, inB] = [p[bin] as number, q[bin] as number];
    const middle = (inA + inB) / 2;
    if (inA > 0) sum += inA * Math.log(inA / middle);
    if (inB > 0) sum += inB * Math.log(inB / middle);
  }
  return sum / 2;
}
