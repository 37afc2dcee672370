/** Radices that have a butterfly of their own. */
export const butterflyRadices = [2, 3, 4, 5, 7, 8] as const;

/** The largest prime that is transformed as a plain sum; lengths with a larger one go through Bluestein's transform. */
const largestPrime = 31;

/**
 * The factors of a length, one for each pass: butterfly radices and primes up to 31. Undefined for lengths with a
 * larger prime; none for length 1.
 */
export function factorise(length: number): number[] | undefined {
  const factors: number[] = [];
  let rest = length;
  let twos = 0;
  for (; rest % 2 === 0; rest /= 2) twos += 1;
  // Passes cost more than butterflies: as few as possible, and 4 · 4 rather than 8 · 2.
  for (; twos >= 3 && twos !== 4; twos -= 3) factors.push(8);
  for (; twos >= 2; twos -= 2) factors.push(4);
  if (twos === 1) factors.push(2);
  for (let prime = 3; prime <= largestPrime; prime += 2) {
    for (; rest % prime === 0; rest /= prime) factors.push(prime);
  }
  return rest === 1 ? factors.sort((a, b) => b - a) : undefined;
}

/** The cheapest length of the cyclic convolution in Bluestein's transform of `length`: at least 2 · length − 1. */
export function convolutionLength(length: number): number {
  const least = 2 * length - 1;
  let best = Number.POSITIVE_INFINITY;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let candidate = least; candidate < 2 * least; candidate++) {
    const factors = factorise(candidate);
    if (!factors || Math.max(1, ...factors) > 8) continue;
    const cost = candidate * factors.length;
    if (cost < bestCost) {
      best = candidate;
      bestCost = cost;
    }
    if (candidate >= bestCost) break;
  }
  return best;
}

/** exp(−2πi·n / length), interleaved. */
export function roots(length: number): Float64Array {
  const values = new Float64Array(2 * length);
  for (let n = 0; n < length; n++) {
    values[2 * n] = Math.cos((2 * Math.PI * n) / length);
    values[2 * n + 1] = -Math.sin((2 * Math.PI * n) / length);
  }
  return values;
}

/** exp(−πi·n² / length), interleaved: the chirp of Bluestein's transform. */
export function chirp(length: number): Float64Array {
  const values = new Float64Array(2 * length);
  for (let n = 0; n < length; n++) {
    // n² modulo the period, so that the angle keeps its digits.
    const angle = (Math.PI * ((n * n) % (2 * length))) / length;
    values[2 * n] = Math.cos(angle);
    values[2 * n + 1] = -Math.sin(angle);
  }
  return values;
}

/** The transform of the conjugate chirp, wrapped around a cycle of `cycle` values, divided by `cycle`; interleaved. */
export function chirpSpectrum(length: number, cycle: number): Float64Array {
  const values = chirp(length);
  const wrapped = new Float64Array(2 * cycle);
  for (let n = 0; n < length; n++) {
    for (const at of n === 0 ? [0] : [n, cycle - n]) {
      wrapped[2 * at] = (values[2 * n] ?? 0) / cycle;
      wrapped[2 * at + 1] = -(values[2 * n + 1] ?? 0) / cycle;
    }
  }
  return transform(wrapped, roots(cycle));
}

/** The transform of interleaved values in float64; the length has small factors only. */
function transform(values: Float64Array, unit: Float64Array): Float64Array {
  const length = values.length / 2;
  const radix = factorise(length)?.[0];
  if (radix === undefined) return values;
  const steps = length / radix;
  const stride = unit.length / values.length;
  const parts = Array.from({ length: radix }, (_, r) => {
    const part = new Float64Array(2 * steps);
    for (let j = 0; j < steps; j++)
      part.set(values.subarray(2 * (j * radix + r), 2 * (j * radix + r) + 2), 2 * j);
    return transform(part, unit);
  });
  const result = new Float64Array(2 * length);
  for (let q = 0; q < length; q++) {
    for (const [r, part] of parts.entries()) {
      const at = 2 * (q % steps);
      const angle = 2 * (((q * r) % length) * stride);
      const [re = 0, im = 0] = part.subarray(at, at + 2);
      const [cosine = 0, sine = 0] = unit.subarray(angle, angle + 2);
      result[2 * q] = (result[2 * q] ?? 0) + re * cosine - im * sine;
      result[2 * q + 1] = (result[2 * q + 1] ?? 0) + re * sine + im * cosine;
    }
  }
  return result;
}
