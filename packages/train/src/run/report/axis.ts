/** How values become places, and which of them are written beside an axis. */
export interface Axis {
  /** 0 at the low end, 1 at the high one. */
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

/** @param low, high the values that must lie on it; equal ones get room on both sides */
export function linearAxis(low: number, high: number, count = 6): Axis {
  const room = low === high ? Math.abs(low) * 0.1 || 1 : 0;
  const [from, to] = [low - room, high + room];
  const step = niceStep((to - from) / count);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  return { place: (value) => (value - from) / (to - from), ticks };
}

/** For positive values. */
export function logAxis(low: number, high: number): Axis {
  const room = low === high ? 2 : 1;
  const [from, to] = [Math.log10(low / room), Math.log10(high * room)];
  const decades = to - from;
  // All of 1, 2, 5 where few decades are seen, else every decade, or every second one.
  const digits = decades < 2 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / 6));
  const ticks: number[] = [];
  for (let power = Math.floor(from); power <= Math.ceil(to); power++) {
    if (decades >= 2 && power % stride !== 0) continue;
    for (const digit of digits) ticks.push(Number(`${digit}e${power}`));
  }
  const place = (value: number) => (Math.log10(value) - from) / decades;
  const seen = ticks.filter((tick) => place(tick) >= -1e-9 && place(tick) <= 1 + 1e-9);
  // Less than a factor of two: as on a linear axis.
  return { place, ticks: seen.length > 1 ? seen : linearAxis(10 ** from, 10 ** to, 4).ticks };
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const digit = rough / power;
  return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

/** A tick of the steps: `500`, `12.5k`, `1.2M`. */
export function stepLabel(step: number): string {
  if (step >= 1e6) return `${Number((step / 1e6).toFixed(2))}M`;
  return step >= 1e4 ? `${Number((step / 1e3).toFixed(1))}k` : String(Number(step.toFixed(2)));
}

/** A tick of values: no more digits than it needs. */
export function valueLabel(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    return value
      .toExponential(2)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e');
  }
  return String(Number(value.toPrecision(4)));
}
