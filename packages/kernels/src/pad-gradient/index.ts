import { imagePieces, rowsRange } from '../image-bands/index.ts';
import type { PadShape } from '../pad/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';

/** The padding whose gradient is wanted; zeros are cropped off instead, and nothing is cropped. */
export interface PadGradientShape extends PadShape {
  readonly mode: 'reflect' | 'replicate';
}

const commonParams = {
  images: 'u32',
  height: 'u32',
  width: 'u32',
  padded_height: 'u32',
  padded_width: 'u32',
  out_row: 'u32',
  out_rows: 'u32',
  top: 'u32',
  left: 'u32',
  gradient_offset: 'u32',
  out_offset: 'u32',
} as const;
type CommonParams = { readonly [K in keyof typeof commonParams]: number };

const common = {
  libraries: { 'pad-gradient/readers.wgsl': shaders['pad-gradient/readers.wgsl'] },
  constants: { BORDER: [1, 2] },
  workgroup: (): Grid => [64, 1, 1],
} as const;
const gridOf = (p: CommonParams, elements: number) =>
  foldGrid(Math.ceil((p.images * p.out_rows * p.width * elements) / 64));
const cost = (p: CommonParams, channels: number) => {
  const read = (p.padded_height * p.padded_width * p.out_rows) / p.height;
  return {
    flops: p.images * channels * read,
    bytes: 4 * channels * p.images * (read + p.out_rows * p.width),
  };
};

export const padGradientVector = defineKernel({
  ...common,
  name: 'pad-gradient/vector',
  source: shaders['pad-gradient/vector.wgsl'],
  bindings: { gradient: read('vec4f'), out: write('vec4f') },
  params: { ...commonParams, channels4: 'u32' },
  grid: (p) => gridOf(p, p.channels4),
  cost: (p) => cost(p, 4 * p.channels4),
});

export const padGradientScalar = defineKernel({
  ...common,
  name: 'pad-gradient/scalar',
  source: shaders['pad-gradient/scalar.wgsl'],
  bindings: { gradient: read('f32'), out: write('f32') },
  params: { ...commonParams, channels: 'u32' },
  grid: (p) => gridOf(p, p.channels),
  cost: (p) => cost(p, p.channels),
});

type PadGradientVariant = Variant<PadGradientShape> & {
  /** Bytes of an element of both operands. */
  readonly elementBytes: number;
  readonly params: (shape: PadGradientShape) => Record<string, number>;
};
const constantsOf = ({ mode }: PadGradientShape) => ({ BORDER: mode === 'reflect' ? 1 : 2 });

export const padGradientFamily: Family<PadGradientShape, PadGradientVariant> = {
  name: 'pad-gradient',
  variants: [
    {
      name: 'vector',
      kernel: padGradientVector,
      constants: constantsOf,
      refuses: ({ channels }) => (channels % 4 === 0 ? undefined : 'takes channels in multiples of 4'),
      elementBytes: 16,
      params: ({ channels }) => ({ channels4: channels / 4 }),
    },
    {
      name: 'scalar',
      kernel: padGradientScalar,
      constants: constantsOf,
      elementBytes: 4,
      params: ({ channels }) => ({ channels }),
    },
  ],
};

/**
 * Records out[B, H, W, C] from the gradient [B, Ho, Wo, C] of what `pad` makes of such an image: every pixel sums the
 * gradients of the pixels that show it, in a fixed order. One dispatch per piece of the images that fits a binding; a
 * reflection may reach anywhere, so an image of the gradient has to fit one.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function padGradient(
  device: Device,
  buffers: { readonly gradient: GpuBuffer; readonly out: GpuBuffer },
  shape: PadGradientShape,
): void {
  const { batch, height, width, channels, outHeight, outWidth, top, left } = shape;
  if (batch * height * width * channels === 0) return;
  const { limits } = device.capabilities;
  const variant = pick(padGradientFamily, device, shape);
  const source = { height: outHeight, rowBytes: 4 * outWidth * channels };
  const out = { height, rowBytes: 4 * width * channels };
  const sourceRows = () => ({ first: 0, count: outHeight });
  for (const piece of imagePieces({ op: 'pad2dGradient', images: batch, source, out, sourceRows }, limits)) {
    const from = rowsRange(buffers.gradient, piece.source, source, variant.elementBytes, limits);
    const to = rowsRange(buffers.out, piece.out, out, variant.elementBytes, limits);
    device.dispatch(variant.kernel, {
      buffers: { gradient: from.range, out: to.range },
      params: {
        images: piece.out.images,
        height,
        width,
        padded_height: outHeight,
        padded_width: outWidth,
        out_row: piece.out.row,
        out_rows: piece.out.rows,
        top,
        left,
        gradient_offset: from.offset,
        out_offset: to.offset,
        ...variant.params(shape),
      },
      constants: variant.constants(shape),
    });
  }
}
