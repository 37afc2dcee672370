import { imagePieces, rowsRange } from '../image-bands/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

/**
 * Where the r² sub-pixels of channel c lie among the packed channels: `torch` c·r² + i·r + j as PyTorch's PixelShuffle
 * has it, `block` (i·r + j)·C + c, which keeps the channels of a pixel together.
 */
export type ShuffleOrder = 'torch' | 'block';

/**
 * `shuffle`: x [B, H, W, r²·C] → out [B, H·r, W·r, C]; `unshuffle` is the inverse. Height, width and channels are H, W
 * and C in both directions.
 */
export interface PixelShuffleShape {
  readonly direction: 'shuffle' | 'unshuffle';
  readonly order: ShuffleOrder;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly factor: number;
}

const cost = (elements: number) => ({ flops: 0, bytes: 8 * elements });
const unshuffleConstant = { UNSHUFFLE: [false, true] };

/** Vec4s that an invocation may move. */
const runLengths = [1, 2, 3, 4, 6];

export const pixelShuffleVector = defineKernel({
  name: 'pixel-shuffle/vector',
  source: shaders['pixel-shuffle/vector.wgsl'],
  constants: { ...unshuffleConstant, RUN: runLengths },
  bindings: { x: read('vec4f'), out: write('vec4f') },
  params: { rows: 'u32', width: 'u32', factor: 'u32', runs: 'u32', x_offset: 'u32', out_offset: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ rows, width, factor, runs }, { UNSHUFFLE }) => {
    const [lines, across] = UNSHUFFLE ? [rows * factor, width] : [rows, width * factor];
    return [Math.ceil((across * runs) / 64), ...foldGrid(lines)];
  },
  cost: ({ rows, width, factor, runs }, { RUN }) => cost(4 * rows * width * factor * runs * Number(RUN)),
});

export const pixelShuffleScalar = defineKernel({
  name: 'pixel-shuffle/scalar',
  source: shaders['pixel-shuffle/scalar.wgsl'],
  constants: { ...unshuffleConstant, BLOCK_ORDER: [false, true] },
  bindings: { x: read('f32'), out: write('f32') },
  params: {
    rows: 'u32',
    width: 'u32',
    channels: 'u32',
    factor: 'u32',
    x_offset: 'u32',
    out_offset: 'u32',
  },
  workgroup: () => [64, 1, 1],
  grid: ({ rows, width, channels, factor }) =>
    foldGrid(Math.ceil((rows * width * channels * factor ** 2) / 64)),
  cost: ({ rows, width, channels, factor }) => cost(rows * width * channels * factor ** 2),
});

type PixelShuffleVariant = Variant<PixelShuffleShape> & {
  /** Bytes of an element of x and out. */
  readonly elementBytes: number;
  readonly params: (shape: PixelShuffleShape) => Record<string, number>;
};

/** Vec4s of a pixel of the small image that lie together in the large one. */
const together = ({ channels, factor }: PixelShuffleShape) => (channels * factor) / 4;

const vectorVariant = (name: string, run: (shape: PixelShuffleShape) => number): PixelShuffleVariant => ({
  name,
  kernel: pixelShuffleVector,
  constants: (shape) => ({ UNSHUFFLE: shape.direction === 'unshuffle', RUN: run(shape) }),
  refuses: (shape) => {
    if (shape.order !== 'block' || shape.channels % 4 !== 0) {
      return 'takes block order and channels in multiples of 4';
    }
    const longest = shape.factor * Math.max(shape.width * together(shape), shape.batch * shape.height);
    return longest < 2 ** 20 ? undefined : 'takes less than 2²⁰ rows, and vec4s in a row';
  },
  elementBytes: 16,
  params: (shape) => ({ factor: shape.factor, runs: together(shape) / run(shape) }),
});

const longestRun = (shape: PixelShuffleShape) =>
  runLengths.findLast((run) => together(shape) % run === 0) ?? 1;

/** `runs` and `vector` are one kernel: a run of vec4s for each invocation, or one vec4. */
export const pixelShuffleFamily: Family<PixelShuffleShape, PixelShuffleVariant> = {
  name: 'pixel-shuffle',
  variants: [
    vectorVariant('runs', longestRun),
    vectorVariant('vector', () => 1),
    {
      name: 'scalar',
      kernel: pixelShuffleScalar,
      constants: ({ direction, order }) => ({
        UNSHUFFLE: direction === 'unshuffle',
        BLOCK_ORDER: order === 'block',
      }),
      elementBytes: 4,
      params: ({ channels, factor }) => ({ channels, factor }),
    },
  ],
  prefer: (variants, { software }) =>
    software
      ? variants
      : variants.toSorted((a, b) => Number(b.name === 'vector') - Number(a.name === 'vector')),
};

/**
 * Records a pixel shuffle or unshuffle, in bands of rows where the tensors exceed one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function pixelShuffle(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: PixelShuffleShape,
): void {
  const { batch, height, width, channels, factor } = shape;
  if (batch * height * width * channels === 0) return;
  const { limits } = device.capabilities;
  const variant = pick(pixelShuffleFamily, device, shape);
  // A row of the small image and the r rows of the large one that it becomes are the same bytes.
  const layout = { height: batch * height, rowBytes: 4 * width * channels * factor ** 2 };
  const sourceRows = (first: number, count: number) => ({ first, count });
  const request = { op: 'pixelShuffle', images: 1, source: layout, out: layout, sourceRows };
  for (const piece of imagePieces(request, limits)) {
    const from = rowsRange(x, piece.source, layout, variant.elementBytes, limits);
    const to = rowsRange(out, piece.out, layout, variant.elementBytes, limits);
    device.dispatch(variant.kernel, {
      buffers: { x: from.range, out: to.range },
      params: {
        rows: piece.out.rows,
        width,
        x_offset: from.offset,
        out_offset: to.offset,
        ...variant.params(shape),
      },
      constants: variant.constants(shape),
    });
  }
}
