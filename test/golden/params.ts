import { createHash } from 'node:crypto';

/** A tensor of float32 numbers on the CPU, row-major. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** `[pattern, centre, amplitude]`; the amplitude `"g<x>"` stands for x · √(3 / fan_in), fan_in = numel / shape[0]. */
export type ParamRule = readonly [pattern: string, center: number, amplitude: number | string];

/** What a golden file says about its network's parameters: enough to make them again and to prove it. */
export interface ParamDescription {
  readonly seed: number;
  /** Over the float32 bytes of all parameters in the order of `names`. */
  readonly sha256: string;
  readonly rules: readonly ParamRule[];
  readonly names: readonly (readonly [name: string, shape: readonly number[]])[];
}

function mix(value: number): number {
  let x = (value ^ (value >>> 16)) >>> 0;
  x = Math.imul(x, 0x21f0aaad) >>> 0;
  x = (x ^ (x >>> 15)) >>> 0;
  x = Math.imul(x, 0x735a2d97) >>> 0;
  return (x ^ (x >>> 15)) >>> 0;
}

function fnv1a(text: string): number {
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash;
}

/** The number of elements of a shape; 1 for rank 0. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * `count` float32 numbers spread evenly over `center ± amplitude`, each a hash of (seed, name, row-major index):
 * `fround(center + (2u − 1) · amplitude)`, `u = ((mix(base + (i + 1) · 0x9E3779B9) >>> 8) + ½) / 2²⁴`,
 * `base = mix(seed ^ fnv1a(name))`. The same numbers come out of storage.py's `hash_values`.
 */
export function hashValues(
  seed: number,
  name: string,
  count: number,
  center: number,
  amplitude: number,
): Float32Array {
  const base = mix((seed ^ fnv1a(name)) >>> 0);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const u = ((mix((base + Math.imul(i + 1, 0x9e3779b9)) >>> 0) >>> 8) + 0.5) / 2 ** 24;
    values[i] = center + (2 * u - 1) * amplitude;
  }
  return values;
}

/** One parameter's numbers by the first rule whose pattern is found in its name. Throws where none is. */
export function paramValues(
  seed: number,
  name: string,
  shape: readonly number[],
  rules: readonly ParamRule[],
): Float32Array {
  const rule = rules.find(([pattern]) => new RegExp(pattern).test(name));
  if (!rule) throw new Error(`no rule gives values for the parameter ${name}`);
  const [, center, amplitude] = rule;
  const count = elementCount(shape);
  const reach =
    typeof amplitude === 'number'
      ? amplitude
      : Number.parseFloat(amplitude.slice(1)) * Math.sqrt(3 / (count / (shape[0] ?? 1)));
  return hashValues(seed, name, count, center, reach);
}

/**
 * All parameters of a golden network, by state-dict name, in the order of PyTorch's `named_parameters()`.
 * Throws when they do not have the sum that the file states.
 */
export function goldenParams(description: ParamDescription): Map<string, HostTensor> {
  const digest = createHash('sha256');
  const params = new Map<string, HostTensor>();
  for (const [name, shape] of description.names) {
    const data = paramValues(description.seed, name, shape, description.rules);
    digest.update(new Uint8Array(data.buffer));
    params.set(name, { shape, data });
  }
  const sum = digest.digest('hex');
  if (sum !== description.sha256) {
    throw new Error(`the hashed parameters have sha256 ${sum}, the file states ${description.sha256}`);
  }
  return params;
}
