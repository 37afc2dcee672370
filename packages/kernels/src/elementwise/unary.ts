import { normalLibrary } from '../lib/index.ts';
import {
  bandRange,
  type Device,
  type Family,
  type GpuBuffer,
  pick,
  rowBands,
  type Variant,
} from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/** Codes of the functions in unary-functions.wgsl and unary-gradient-functions.wgsl. */
export const unaryCodes = {
  neg: 0,
  abs: 1,
  square: 2,
  sqrt: 3,
  exp: 4,
  log: 5,
  reciprocal: 6,
  relu: 7,
  leakyRelu: 8,
  gelu: 9,
  silu: 10,
  sigmoid: 11,
  tanh: 12,
  clamp: 13,
  affine: 14,
} as const;

export type UnaryFunction = keyof typeof unaryCodes;

/** out[i] = f(x[i]). `a` and `b`: slope of leakyRelu; lowest and highest of clamp; scale and offset of affine. */
export interface UnaryShape {
  readonly function: UnaryFunction;
  readonly count: number;
  readonly a: number;
  readonly b: number;
}

const libraries = {
  ...normalLibrary,
  'elementwise/unary-functions.wgsl': shaders['elementwise/unary-functions.wgsl'],
};
const OP = Object.values(unaryCodes);
const params = { count: 'u32', a: 'f32', b: 'f32' } as const;

export const unaryVector = defineKernel({
  name: 'elementwise/unary',
  source: shaders['elementwise/unary.wgsl'],
  libraries,
  constants: { OP, ADJACENT: [false, true] },
  bindings: { x: read('vec4f'), out: write('vec4f') },
  params,
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 256)),
  cost: ({ count }) => ({ flops: 4 * count, bytes: 32 * count }),
});

export const unaryScalar = defineKernel({
  name: 'elementwise/unary-scalar',
  source: shaders['elementwise/unary-scalar.wgsl'],
  libraries,
  constants: { OP },
  bindings: { x: read('f32'), out: write('f32') },
  params,
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
  cost: ({ count }) => ({ flops: count, bytes: 8 * count }),
});

type UnaryVariant = Variant<UnaryShape> & { readonly width: 1 | 4 };
const needsVectors = ({ count }: UnaryShape) =>
  count % 4 === 0 ? undefined : 'takes counts in multiples of 4';

/** `adjacent` and `interleaved` are one kernel with two orders of memory accesses. */
export const unaryFamily: Family<UnaryShape, UnaryVariant> = {
  name: 'unary',
  variants: [
    {
      name: 'adjacent',
      kernel: unaryVector,
      constants: (shape) => ({ OP: unaryCodes[shape.function], ADJACENT: true }),
      refuses: needsVectors,
      width: 4,
    },
    {
      name: 'interleaved',
      kernel: unaryVector,
      constants: (shape) => ({ OP: unaryCodes[shape.function], ADJACENT: false }),
      refuses: needsVectors,
      width: 4,
    },
    {
      name: 'scalar',
      kernel: unaryScalar,
      constants: (shape) => ({ OP: unaryCodes[shape.function] }),
      width: 1,
    },
  ],
  prefer: (variants, { software }) =>
    software
      ? variants
      : variants.toSorted((a, b) => Number(b.name === 'interleaved') - Number(a.name === 'interleaved')),
};

/**
 * Records out[i] = f(x[i]), in segments where a tensor exceeds one binding.
 * @throws KernelError `kernel-forced`
 */
export function unary(device: Device, buffers: { x: GpuBuffer; out: GpuBuffer }, shape: UnaryShape): void {
  if (shape.count === 0) return;
  const variant = pick(unaryFamily, device, shape);
  for (const band of rowBands('unary', shape.count, [4], device.capabilities.limits)) {
    device.dispatch(variant.kernel, {
      buffers: { x: bandRange(buffers.x, band, 4), out: bandRange(buffers.out, band, 4) },
      params: { count: band.count / variant.width, a: shape.a, b: shape.b },
      constants: variant.constants(shape),
    });
  }
}
