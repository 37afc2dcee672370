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
import { type UnaryShape, unaryCodes } from './unary.ts';

const libraries = {
  ...normalLibrary,
  'elementwise/unary-gradient-functions.wgsl': shaders['elementwise/unary-gradient-functions.wgsl'],
};
const OP = Object.values(unaryCodes);
const params = { count: 'u32', a: 'f32', b: 'f32' } as const;

export const unaryGradientVector = defineKernel({
  name: 'elementwise/unary-gradient',
  source: shaders['elementwise/unary-gradient.wgsl'],
  libraries,
  constants: { OP, ADJACENT: [false, true] },
  bindings: { x: read('vec4f'), gradient: read('vec4f'), out: write('vec4f') },
  params,
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 256)),
  cost: ({ count }) => ({ flops: 8 * count, bytes: 48 * count }),
});

export const unaryGradientScalar = defineKernel({
  name: 'elementwise/unary-gradient-scalar',
  source: shaders['elementwise/unary-gradient-scalar.wgsl'],
  libraries,
  constants: { OP },
  bindings: { x: read('f32'), gradient: read('f32'), out: write('f32') },
  params,
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
  cost: ({ count }) => ({ flops: 2 * count, bytes: 12 * count }),
});

type UnaryGradientVariant = Variant<UnaryShape> & { readonly width: 1 | 4 };

const vectorVariant = (name: string, adjacent: boolean): UnaryGradientVariant => ({
  name,
  kernel: unaryGradientVector,
  constants: (shape) => ({ OP: unaryCodes[shape.function], ADJACENT: adjacent }),
  refuses: ({ count }) => (count % 4 === 0 ? undefined : 'takes counts in multiples of 4'),
  width: 4,
});

/** `adjacent` and `interleaved` are one kernel with two orders of memory accesses. */
export const unaryGradientFamily: Family<UnaryShape, UnaryGradientVariant> = {
  name: 'unary-gradient',
  variants: [
    vectorVariant('adjacent', true),
    vectorVariant('interleaved', false),
    {
      name: 'scalar',
      kernel: unaryGradientScalar,
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
 * Records out[i] = gradient[i] · f'(x[i]), in segments where a tensor exceeds one binding.
 * @throws KernelError `kernel-forced`
 */
export function unaryGradient(
  device: Device,
  buffers: { x: GpuBuffer; gradient: GpuBuffer; out: GpuBuffer },
  shape: UnaryShape,
): void {
  if (shape.count === 0) return;
  const variant = pick(unaryGradientFamily, device, shape);
  for (const band of rowBands('unaryGradient', shape.count, [4], device.capabilities.limits)) {
    device.dispatch(variant.kernel, {
      buffers: {
        x: bandRange(buffers.x, band, 4),
        gradient: bandRange(buffers.gradient, band, 4),
        out: bandRange(buffers.out, band, 4),
      },
      params: { count: band.count / variant.width, a: shape.a, b: shape.b },
      constants: variant.constants(shape),
    });
  }
}
