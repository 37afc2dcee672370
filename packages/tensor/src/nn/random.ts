/**
 * Random numbers as a pure function of (seed, stream, index): nothing to store, and the same weights whatever the
 * order in which parameters are made. The mixing function is the 32-bit finaliser of MurmurHash3's family
 * ("lowbias32").
 */
function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** FNV-1a, to turn a parameter's name into a stream number. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** A generator of numbers in (0, 1) by index. */
export function uniformStream(seed: number, name: string): (index: number) => number {
  const key = mix(seed ^ mix(hashName(name)));
  return (index) => (mix(key + Math.imul(index + 1, 0x9e3779b9)) + 0.5) / 2 ** 32;
}

/** Uniform in [−bound, bound). */
export function uniform(seed: number, name: string, count: number, bound: number): Float32Array {
  const next = uniformStream(seed, name);
  return Float32Array.from({ length: count }, (_, i) => (2 * next(i) - 1) * bound);
}

/** Normal with standard deviation `std`, cut off at ±2 as PyTorch's trunc_normal_ does (absolute bounds). */
export function truncatedNormal(seed: number, name: string, count: number, std: number): Float32Array {
  const next = uniformStream(seed, name);
  return Float32Array.from({ length: count }, (_, i) => {
    for (let attempt = 0; ; attempt++) {
      const at = 2 * (i + attempt * count);
      const value = std * Math.sqrt(-2 * Math.log(next(at))) * Math.cos(2 * Math.PI * next(at + 1));
      if (Math.abs(value) <= 2) return value;
    }
  });
}
