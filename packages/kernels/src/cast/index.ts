import { type Device, type Family, type GpuBuffer, pick, rowBands, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

/** f16 tensors are words of two elements; an odd count leaves the upper half of the last word unused. */
export interface CastShape {
  readonly count: number;
}

const libraries = { 'cast/half-bits.wgsl': shaders['cast/half-bits.wgsl'] };
const shared = { libraries, params: { count: 'u32' }, workgroup: (): Grid => [64, 1, 1] } as const;

export const castToHalfVector = defineKernel({
  ...shared,
  name: 'cast/to-half',
  source: shaders['cast/to-half.wgsl'],
  bindings: { x: read('vec4u'), out: write('vec2u') },
  grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
  cost: ({ count }) => ({ flops: 4 * count, bytes: 24 * count }),
});

export const castToHalfScalar = defineKernel({
  ...shared,
  name: 'cast/to-half-scalar',
  source: shaders['cast/to-half-scalar.wgsl'],
  bindings: { x: read('u32'), out: write('u32') },
  grid: ({ count }) => foldGrid(Math.ceil(count / 128)),
  cost: ({ count }) => ({ flops: count, bytes: 6 * count }),
});

export const castFromHalfVector = defineKernel({
  ...shared,
  name: 'cast/from-half',
  source: shaders['cast/from-half.wgsl'],
  bindings: { x: read('vec2u'), out: write('vec4u') },
  grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
  cost: ({ count }) => ({ flops: 4 * count, bytes: 24 * count }),
});

export const castFromHalfScalar = defineKernel({
  ...shared,
  name: 'cast/from-half-scalar',
  source: shaders['cast/from-half-scalar.wgsl'],
  bindings: { x: read('u32'), out: write('u32') },
  grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
  cost: ({ count }) => ({ flops: count, bytes: 6 * count }),
});

type CastVariant = Variant<CastShape> & { readonly width: 1 | 4 };
const constants = () => ({});
const needsVectors = ({ count }: CastShape) =>
  count % 4 === 0 ? undefined : 'takes counts in multiples of 4';

export const castToHalfFamily: Family<CastShape, CastVariant> = {
  name: 'cast-to-half',
  variants: [
    { name: 'vector', kernel: castToHalfVector, constants, refuses: needsVectors, width: 4 },
    { name: 'scalar', kernel: castToHalfScalar, constants, width: 1 },
  ],
};

export const castFromHalfFamily: Family<CastShape, CastVariant> = {
  name: 'cast-from-half',
  variants: [
    { name: 'vector', kernel: castFromHalfVector, constants, refuses: needsVectors, width: 4 },
    { name: 'scalar', kernel: castFromHalfScalar, constants, width: 1 },
  ],
};

export interface CastBuffers {
  readonly x: GpuBuffer;
  readonly out: GpuBuffer;
}

/**
 * Records the conversion of f32 to f16 storage: to nearest, ties to even, 65520 and above to infinity. Needs no f16
 * feature. In segments where a tensor exceeds one binding.
 * @throws KernelError `kernel-forced`
 */
export function castToHalf(device: Device, { x, out }: CastBuffers, shape: CastShape): void {
  if (shape.count === 0) return;
  const { kernel, width } = pick(castToHalfFamily, device, shape);
  for (const { band, count } of segments(device, shape.count)) {
    device.dispatch(kernel, {
      buffers: { x: bandOf(x, band, 8), out: bandOf(out, band, 4) },
      params: { count: count / width },
    });
  }
}

/**
 * Records the conversion of f16 storage to f32, which is exact. In segments where a tensor exceeds one binding.
 * @throws KernelError `kernel-forced`
 */
export function castFromHalf(device: Device, { x, out }: CastBuffers, shape: CastShape): void {
  if (shape.count === 0) return;
  const { kernel, width } = pick(castFromHalfFamily, device, shape);
  for (const { band, count } of segments(device, shape.count)) {
    device.dispatch(kernel, {
      buffers: { x: bandOf(x, band, 4), out: bandOf(out, band, 8) },
      params: { count: count / width },
    });
  }
}

/** Bands of words, since half a word cannot be bound, and the elements in each. */
function segments(device: Device, count: number) {
  const bands = rowBands('cast', Math.ceil(count / 2), [8], device.capabilities.limits);
  return bands.map((band) => ({ band, count: Math.min(2 * band.count, count - 2 * band.first) }));
}

/** A band of words; the f32 side of an odd count has half a word less than that. */
function bandOf(buffer: GpuBuffer, band: { first: number; count: number }, bytesPerWord: number) {
  const offset = band.first * bytesPerWord;
  return {
    buffer,
    offset,
    size: Math.min(band.count * bytesPerWord, Math.ceil(buffer.byteLength / 4) * 4 - offset),
  };
}
