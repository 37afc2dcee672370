import { imagePieces, type Piece, rowsRange } from '../image-bands/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/** What stands outside an image: zeros, its mirror image without the edge repeated, or its edge. */
export type PadMode = 'zeros' | 'reflect' | 'replicate';

/**
 * out[B, Ho, Wo, C] of x[B, H, W, C]: the window of `outHeight` × `outWidth` whose first pixel lies `top` rows above and
 * `left` columns left of x's, both negative to crop.
 */
export interface PadShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly top: number;
  readonly left: number;
  readonly mode: PadMode;
}

const borders = { zeros: 0, reflect: 1, replicate: 2 } as const;

/**
 * The coordinate of a side of length `side` that a mode puts at coordinate `at`; zeros gives undefined outside.
 * A reflection repeats with period 2·side − 2, and a side of 1 is replicated.
 */
export function borderIndex(at: number, side: number, mode: PadMode): number | undefined {
  if (at >= 0 && at < side) return at;
  if (mode === 'zeros') return undefined;
  if (mode === 'replicate') return Math.max(0, Math.min(at, side - 1));
  const period = Math.max(1, 2 * side - 2);
  const wrapped = ((at % period) + period) % period;
  return Math.min(wrapped, period - wrapped);
}

const commonParams = {
  images: 'u32',
  height: 'u32',
  width: 'u32',
  out_width: 'u32',
  out_row: 'u32',
  out_rows: 'u32',
  source_row: 'u32',
  source_rows: 'u32',
  top: 'i32',
  left: 'i32',
  source_offset: 'u32',
  out_offset: 'u32',
} as const;
type CommonParams = { readonly [K in keyof typeof commonParams]: number };

const constants = { BORDER: [0, 1, 2] };
const libraries = { 'pad/border.wgsl': shaders['pad/border.wgsl'] };
const cost = (p: CommonParams, channels: number) => ({
  flops: 0,
  bytes: 4 * channels * p.images * (p.out_rows * p.out_width + p.source_rows * p.width),
});

export const padVector = defineKernel({
  name: 'pad/vector',
  source: shaders['pad/vector.wgsl'],
  libraries,
  constants,
  bindings: { source: read('vec4f'), out: write('vec4f') },
  params: { ...commonParams, channels4: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ images, out_rows, out_width, channels4 }) => [
    Math.ceil((out_width * channels4) / 64),
    ...foldGrid(images * out_rows),
  ],
  cost: (p) => cost(p, 4 * p.channels4),
});

export const padScalar = defineKernel({
  name: 'pad/scalar',
  source: shaders['pad/scalar.wgsl'],
  libraries,
  constants,
  bindings: { source: read('f32'), out: write('f32') },
  params: { ...commonParams, channels: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ images, out_rows, out_width, channels }) =>
    foldGrid(Math.ceil((images * out_rows * out_width * channels) / 64)),
  cost: (p) => cost(p, p.channels),
});

const constantsOf = ({ mode }: PadShape) => ({ BORDER: borders[mode] });
const needsVectors = ({ height, width, channels, outWidth }: PadShape) => {
  if (channels % 4 !== 0) return 'takes channels in multiples of 4';
  if (height * width === 0) return 'takes no empty input';
  return (outWidth * channels) / 4 <= 64 * 65_535 ? undefined : 'takes no row of 64 · 65,535 vec4 or more';
};

type PadVariant = Variant<PadShape> & {
  /** Bytes of an element of x and out. */
  readonly elementBytes: number;
  readonly params: (shape: PadShape) => Record<string, number>;
};

export const padFamily: Family<PadShape, PadVariant> = {
  name: 'pad',
  variants: [
    {
      name: 'vector',
      kernel: padVector,
      constants: constantsOf,
      refuses: needsVectors,
      elementBytes: 16,
      params: ({ channels }) => ({ channels4: channels / 4 }),
    },
    {
      name: 'scalar',
      kernel: padScalar,
      constants: constantsOf,
      elementBytes: 4,
      params: ({ channels }) => ({ channels }),
    },
  ],
};

/**
 * Records padding or cropping, one dispatch per piece of the images that fits a binding. The caller guarantees that x is
 * not empty unless the mode is `zeros`.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function pad(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: PadShape,
): void {
  const { batch, height, width, channels, outHeight, outWidth } = shape;
  if (batch * outHeight * outWidth * channels === 0) return;
  const { limits } = device.capabilities;
  const variant = pick(padFamily, device, shape);
  const source = { height, rowBytes: 4 * width * channels };
  const written = { height: outHeight, rowBytes: 4 * outWidth * channels };
  const sourceRows = (row: number, rows: number) => inputRows(shape, row, rows);
  for (const piece of imagePieces({ op: 'pad2d', images: batch, source, out: written, sourceRows }, limits)) {
    const from = rowsRange(x, piece.source, source, variant.elementBytes, limits);
    const to = rowsRange(out, piece.out, written, variant.elementBytes, limits);
    device.dispatch(variant.kernel, {
      buffers: { source: from.range, out: to.range },
      params: {
        ...pieceParams(shape, piece),
        source_offset: from.offset,
        out_offset: to.offset,
        ...variant.params(shape),
      },
      constants: variant.constants(shape),
    });
  }
}

/** The rows of x that output rows are made of; one arbitrary row where they are zeros. */
function inputRows({ height, top, mode }: PadShape, row: number, rows: number) {
  let first = height;
  let last = -1;
  for (let y = row; y < row + rows; y++) {
    const at = borderIndex(y - top, height, mode);
    if (at === undefined) continue;
    first = Math.min(first, at);
    last = Math.max(last, at);
  }
  return last < 0 ? { first: 0, count: Math.min(1, height) } : { first, count: last - first + 1 };
}

function pieceParams(shape: PadShape, { out, source }: Piece) {
  return {
    images: out.images,
    height: shape.height,
    width: shape.width,
    out_width: shape.outWidth,
    out_row: out.row,
    out_rows: out.rows,
    source_row: source.row,
    source_rows: source.rows,
    top: shape.top,
    left: shape.left,
  };
}
