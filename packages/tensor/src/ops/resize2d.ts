import { type ResizeMode, resize as record, resizeFamily, ShapeError } from '@lua-webgpu/kernels';
import {
  formatShape,
  imageSizes,
  requireDType,
  requireRank,
  type Shape,
  type Tensor,
} from '../core/index.ts';
import { type AxisWeight, mapImage } from './axis-reference.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import { absolute, reductionBound } from './tolerance.ts';

export interface Resize2dAttributes {
  readonly height: number;
  readonly width: number;
  readonly mode: ResizeMode;
  readonly antialias: boolean;
  /** The transpose of the resize from `height` × `width` to the size of x: the way of a gradient. */
  readonly transposed: boolean;
}

const size = (height: number, width: number, mode: ResizeMode, antialias = false): Resize2dAttributes => ({
  height,
  width,
  mode,
  antialias,
  transposed: false,
});
const transposed = (attributes: Resize2dAttributes): Resize2dAttributes => ({
  ...attributes,
  transposed: !attributes.transposed,
});

export const resize2dOp: OpDefinition<Resize2dAttributes> = {
  name: 'resize2d',
  families: [resizeFamily.name],

  infer(inputs, { height, width, mode, transposed }) {
    const x = required(inputs, 0);
    requireDType('resize2d', 'x', x.dtype, 'f32');
    requireRank('resize2d', 'x', x.shape, 4);
    for (const [side, value] of Object.entries({ height, width })) {
      if (Number.isSafeInteger(value) && value >= 0) continue;
      throw new ShapeError(
        'attribute-invalid',
        `resize2d: a ${side} of ${value}`,
        'Pass whole numbers from 0.',
      );
    }
    if (mode !== 'bilinear' && mode !== 'bicubic') {
      throw new ShapeError('attribute-invalid', `resize2d: no mode ${mode}`, "Pass 'bilinear' or 'bicubic'.");
    }
    const [batch = 0, from = 0, across = 0, channels = 0] = x.shape;
    const sides = [[from, height] as const, [across, width] as const];
    if (sides.some(([own, other]) => (transposed ? other === 0 && own > 0 : own === 0 && other > 0))) {
      throw new ShapeError(
        'shape-mismatch',
        `resize2d: x ${formatShape(x.shape)} and ${height}×${width} pixels: one of them is empty`,
        'Resize an empty side to 0.',
      );
    }
    return { shape: [batch, height, width, channels], dtype: 'f32' };
  },

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    record(
      device,
      { x: x.buffer, out: out.buffer },
      {
        batch,
        height,
        width,
        channels,
        outHeight: attributes.height,
        outWidth: attributes.width,
        mode: attributes.mode,
        antialias: attributes.antialias,
        transposed: attributes.transposed,
      },
    );
  },

  reference: (inputs, attributes) => resizeReference(required(inputs, 0), attributes, (weight) => weight),

  samples: [
    { name: 'bilinear ×2', inputs: [[2, 5, 7, 8]], attributes: size(10, 14, 'bilinear') },
    { name: 'bicubic ×2', inputs: [[2, 5, 7, 8]], attributes: size(10, 14, 'bicubic') },
    { name: 'bicubic ×2 antialiased', inputs: [[1, 5, 7, 4]], attributes: size(10, 14, 'bicubic', true) },
    { name: 'bilinear ÷2 antialiased', inputs: [[1, 12, 14, 16]], attributes: size(6, 7, 'bilinear', true) },
    { name: 'bicubic ÷2', inputs: [[1, 12, 14, 4]], attributes: size(6, 7, 'bicubic') },
    { name: 'bicubic ÷2 antialiased', inputs: [[2, 12, 14, 3]], attributes: size(6, 7, 'bicubic', true) },
    { name: 'bicubic ÷4 antialiased', inputs: [[1, 37, 53, 3]], attributes: size(9, 13, 'bicubic', true) },
    { name: 'odd ratio', inputs: [[1, 9, 13, 1]], attributes: size(23, 8, 'bicubic', true) },
    { name: 'odd ratio, plain', inputs: [[1, 9, 13, 1]], attributes: size(4, 29, 'bicubic') },
    { name: 'odd ratio, bilinear', inputs: [[1, 9, 13, 5]], attributes: size(4, 29, 'bilinear') },
    { name: 'from one pixel', inputs: [[1, 1, 1, 4]], attributes: size(3, 5, 'bicubic') },
    { name: 'from one pixel, antialiased', inputs: [[1, 1, 1, 4]], attributes: size(3, 5, 'bicubic', true) },
    { name: 'to one pixel', inputs: [[1, 6, 5, 3]], attributes: size(1, 1, 'bicubic', true) },
    { name: 'two pixels', inputs: [[1, 2, 2, 1]], attributes: size(5, 3, 'bicubic') },
    { name: 'height alone', inputs: [[1, 6, 5, 4]], attributes: size(3, 5, 'bilinear', true) },
    { name: 'width alone', inputs: [[1, 6, 5, 4]], attributes: size(6, 11, 'bilinear') },
    { name: 'the same size', inputs: [[2, 6, 5, 3]], attributes: size(6, 5, 'bicubic', true) },
    { name: 'no images', inputs: [[0, 6, 5, 3]], attributes: size(3, 5, 'bicubic') },
    { name: 'to nothing', inputs: [[1, 6, 5, 3]], attributes: size(0, 5, 'bicubic', true) },
    { name: 'transposed ×2', inputs: [[2, 10, 14, 8]], attributes: transposed(size(5, 7, 'bicubic')) },
    {
      name: 'transposed ÷4, positions that nothing reads',
      inputs: [[1, 3, 4, 3]],
      attributes: transposed(size(12, 16, 'bilinear')),
    },
    { name: 'transposed to nothing', inputs: [[1, 0, 5, 3]], attributes: transposed(size(6, 4, 'bicubic')) },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[5, 6, 8]], attributes: size(2, 2, 'bilinear') },
    { code: 'shape-mismatch', inputs: [[1, 0, 6, 8]], attributes: size(2, 2, 'bilinear') },
    { code: 'shape-mismatch', inputs: [[1, 4, 6, 8]], attributes: transposed(size(2, 0, 'bilinear')) },
    { code: 'attribute-invalid', inputs: [[1, 4, 6, 8]], attributes: size(2.5, 2, 'bilinear') },
    { code: 'attribute-invalid', inputs: [[1, 4, 6, 8]], attributes: size(2, -1, 'bicubic') },
    { code: 'attribute-invalid', inputs: [[1, 4, 6, 8]], attributes: size(2, 2, 'nearest' as ResizeMode) },
  ],

  tolerance: (inputs, attributes) => bound(required(inputs, 0), attributes),

  vjp: {
    saves: {},
    run: ({ specs, gradient, attributes }) => [
      apply(resize2dOp, [gradient], back(attributes, required(specs, 0).shape)),
    ],
    reference: (inputs, attributes, cotangent) => [
      resizeReference(cotangent, back(attributes, required(inputs, 0).shape), (weight) => weight),
    ],
    tolerance: (inputs, attributes, cotangent) => [
      bound(cotangent, back(attributes, required(inputs, 0).shape)),
    ],
  },
};

/** What takes a gradient of the result back to an x of this shape. */
function back(attributes: Resize2dAttributes, x: Shape): Resize2dAttributes {
  const [, height, width] = imageSizes(x);
  return transposed({ ...attributes, height, width });
}

function bound(x: NdArray, attributes: Resize2dAttributes): Float64Array {
  const [, height = 0, width = 0] = x.shape;
  const taps = tapsOf(height, attributes.height) + tapsOf(width, attributes.width);
  return reductionBound(taps, resizeReference(absolute(x), attributes, Math.abs));
}

const tapsOf = (from: number, to: number) => 4 * Math.max(1, from / Math.max(1, to));

function resizeReference(
  x: NdArray,
  { height, width, mode, antialias, transposed }: Resize2dAttributes,
  of: (weight: number) => number,
): NdArray {
  const [, from = 0, across = 0] = x.shape;
  const rule = antialias ? widened : sampled;
  const weight = (source: number, target: number): AxisWeight => {
    const plain = transposed ? rule(target, source, mode) : rule(source, target, mode);
    return transposed ? (j, p) => of(plain(p, j)) : (j, p) => of(plain(j, p));
  };
  return mapImage(
    x,
    { size: height, weight: weight(from, height) },
    { size: width, weight: weight(across, width) },
  );
}

/** The kernel at a distance: a triangle, or the cubic convolution with a. */
function kernel(mode: ResizeMode, a: number, distance: number): number {
  const x = Math.abs(distance);
  if (mode === 'bilinear') return Math.max(0, 1 - x);
  if (x >= 2) return 0;
  return x > 1 ? a * (x ** 3 - 5 * x ** 2 + 8 * x - 4) : (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
}

/** Sampling of the edge-repeating signal. */
function sampled(from: number, to: number, mode: ResizeMode): AxisWeight {
  return (j, p) => {
    const centre = ((j + 0.5) * from) / to - 0.5;
    let sum = 0;
    for (let at = Math.floor(centre) - 2; at <= Math.floor(centre) + 3; at++) {
      if (Math.max(0, Math.min(at, from - 1)) === p) sum += kernel(mode, -0.75, at - centre);
    }
    return sum;
  };
}

/** Sampling of the signal smoothed by a kernel as wide as an output pixel, cut at the borders and normalised. */
function widened(from: number, to: number, mode: ResizeMode): AxisWeight {
  const width = Math.max(1, from / to);
  const at = (j: number, p: number) => kernel(mode, -0.5, (p + 0.5 - ((j + 0.5) * from) / to) / width);
  const sums = Array.from({ length: to }, (_, j) => {
    let sum = 0;
    for (let p = 0; p < from; p++) sum += at(j, p);
    return sum;
  });
  return (j, p) => at(j, p) / (sums[j] ?? 1);
}

/**
 * x [B, H, W, C] → [B, height, width, C] with PyTorch's `F.interpolate` conventions, `align_corners=False`: bicubic has
 * a = −0.75, with `antialias` −0.5; `antialias` widens the kernel where the image becomes smaller.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `dtype-mismatch`, `attribute-invalid`
 */
export function resize2d(
  x: Tensor,
  options: { height: number; width: number; mode: ResizeMode; antialias?: boolean },
): Tensor {
  return apply(resize2dOp, [x], { antialias: false, ...options, transposed: false });
}
