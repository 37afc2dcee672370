import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSafetensors, toFloat32 } from '@lua-webgpu/tensor';
import { elementCount, goldenParams, type HostTensor, hashValues, type ParamDescription } from './params.ts';

/** A float64 result of PyTorch, rounded once to float32. */
export interface GoldenOutput {
  /** Shape of the whole result. */
  readonly shape: readonly number[];
  /** Every `stride`-th element of the whole result in row-major order: all of it where `stride` is 1. */
  readonly data: Float32Array;
  readonly stride: number;
  /** max |result| over the whole result, what errors are measured against. */
  readonly max: number;
  /** Error of PyTorch's own float32 run, relative to `max`. */
  readonly float32Error: number;
  /** What a float32 implementation may differ by, relative to `max`; 0 where the result is a permutation. */
  readonly tolerance: number;
  /** What the operator was called with (`window`, `stride`, `size`, …). */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** One file of test/golden/data. */
export interface GoldenCase {
  readonly name: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** The network's configuration with the released model's field names; undefined for operator cases. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  /** Inputs by name (`in.x`, `b1h3w5/in.x`, `k3/in.weight`, …), regenerated from the hash or stored. */
  readonly inputs: ReadonlyMap<string, HostTensor>;
  /** Results by name (`out.y`, `b1h3w5/out.x2`, `stage.norm`, …). */
  readonly outputs: ReadonlyMap<string, GoldenOutput>;
  /** The network's parameters by state-dict name, verified by their sum. Throws for operator cases. */
  params(): Map<string, HostTensor>;
}

interface InputDescription {
  readonly shape: readonly number[];
  readonly seed: number;
  readonly center: number;
  readonly amp: number;
}

interface OutputDescription {
  readonly max: number;
  readonly float32_error: number;
  readonly tolerance: number;
  readonly [attribute: string]: unknown;
}

/** The folder of golden data that others made (`LUA_WEBGPU_GOLDEN`), undefined where none is named. */
export function referenceFolder(): string | undefined {
  return process.env.LUA_WEBGPU_GOLDEN || undefined;
}

/** Path of a file in test/golden/data, for instance `released_window16.pth`. */
export function goldenPath(file: string): string {
  return fileURLToPath(new URL(`data/${file}`, import.meta.url));
}

function describedIn<T>(metadata: ReadonlyMap<string, string>, key: string): Record<string, T> {
  return JSON.parse(metadata.get(key) ?? '{}') as Record<string, T>;
}

/** Reads `test/golden/data/<name>.safetensors`. Throws when the file or a tensor that it describes is missing. */
export function goldenCase(name: string): GoldenCase {
  const path = goldenPath(`${name}.safetensors`);
  const { tensors, metadata } = parseSafetensors(readFileSync(path), path);
  const inputs = new Map<string, HostTensor>();
  for (const [key, input] of Object.entries(describedIn<InputDescription>(metadata, 'inputs'))) {
    const { shape, seed, center, amp } = input;
    inputs.set(key, { shape, data: hashValues(seed, key, elementCount(shape), center, amp) });
  }
  const samples = describedIn<{ shape: number[]; stride: number }>(metadata, 'samples');
  const described = describedIn<OutputDescription>(metadata, 'outputs');
  const outputs = new Map<string, GoldenOutput>();
  for (const [key, stored] of tensors) {
    const data = toFloat32(stored);
    const output = described[key];
    if (output) {
      const { max, float32_error: float32Error, tolerance, ...attributes } = output;
      const { shape, stride } = samples[key] ?? { shape: stored.shape, stride: 1 };
      outputs.set(key, { shape, data, stride, max, float32Error, tolerance, attributes });
    } else {
      inputs.set(key, { shape: stored.shape, data });
    }
  }
  for (const key of Object.keys(described)) {
    if (!outputs.has(key)) throw new Error(`${path} describes ${key} but does not hold it`);
  }
  const config = metadata.has('config') ? describedIn<unknown>(metadata, 'config') : undefined;
  return {
    name,
    metadata,
    config,
    inputs,
    outputs,
    params() {
      const text = metadata.get('params');
      if (text === undefined) throw new Error(`${path} holds no network, so it has no parameters`);
      return goldenParams(JSON.parse(text) as ParamDescription);
    },
  };
}

/** An entry that must be there; the error lists those that are. */
export function entry<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`no ${name}; there are ${[...map.keys()].join(', ')}`);
  return value;
}

/** How far a result is from a golden one. */
export interface GoldenDifference {
  /** Largest |actual − golden| relative to the golden maximum; Infinity where anything is not finite. */
  readonly error: number;
  /** Row-major index of the worst element in the whole result. */
  readonly at: number;
  readonly within: boolean;
}

/**
 * Compares a whole result with a golden one (with those of its elements that are stored). NaN never passes.
 * Throws when the shapes differ.
 */
export function compareGolden(
  golden: GoldenOutput,
  actual: ArrayLike<number>,
  shape: readonly number[],
): GoldenDifference {
  if (shape.join() !== golden.shape.join() || actual.length !== elementCount(shape)) {
    throw new Error(
      `the result is [${shape}] of ${actual.length} elements, the golden one [${golden.shape}]`,
    );
  }
  let error = 0;
  let at = 0;
  for (const [i, expected] of golden.data.entries()) {
    const index = i * golden.stride;
    const difference = Math.abs((actual[index] ?? Number.NaN) - expected) / golden.max;
    const comparable = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    if (comparable > error) {
      error = comparable;
      at = index;
    }
  }
  return { error, at, within: error <= golden.tolerance };
}
