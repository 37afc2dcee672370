/** Curves, made small enough to draw. */

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Neighbouring points as one. */
export interface Bucket {
  readonly x: number;
  readonly low: number;
  readonly high: number;
}

/** What a curve becomes when it has more points than a chart has columns: the range of each column. */
export function buckets(points: readonly Point[], columns: number): Bucket[] {
  const size = Math.max(1, Math.ceil(points.length / columns));
  const out: Bucket[] = [];
  for (let at = 0; at < points.length; at += size) {
    const part = points.slice(at, at + size);
    const x = part[Math.floor(part.length / 2)]?.x ?? 0;
    const [low, high] = extent(part.map(({ y }) => y));
    out.push({ x, low, high });
  }
  return out;
}

/**
 * An exponential moving average whose half-life is a part of the curve's length, corrected for its start as Adam's
 * moments are: the first value is the first point.
 */
export function smooth(points: readonly Point[], part = 1 / 40): Point[] {
  const decay = 0.5 ** (1 / Math.max(0.5, points.length * part));
  let [sum, weight] = [0, 0];
  return points.map(({ x, y }) => {
    sum = decay * sum + (1 - decay) * y;
    weight = decay * weight + (1 - decay);
    return { x, y: sum / weight };
  });
}

/** Every nth point, the last one in any case. */
export function thin(points: readonly Point[], count: number): Point[] {
  const every = Math.max(1, Math.ceil(points.length / count));
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

/** The value below which a part of the values lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(part * (sorted.length - 1))] ?? 0;
}

/** Lowest and highest; a long run has more values than a call takes arguments. */
export function extent(values: readonly number[]): [low: number, high: number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
