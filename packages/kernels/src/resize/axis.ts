import { imagePieces, rowsRange } from '../image-bands/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';
import { type AxisRow, packRows } from './tables.ts';

/** out[outer, to, inner] of source[outer, from, inner]. */
export interface AxisShape {
  readonly outer: number;
  readonly from: number;
  readonly to: number;
  readonly inner: number;
}

/** A linear map along an axis. `key` names it among the device's tables; `rows` is called when it is not there. */
export interface AxisMap {
  readonly key: string;
  readonly rows: () => AxisRow[];
}

export const resizeAxis = defineKernel({
  name: 'resize/axis',
  source: shaders['resize/axis.wgsl'],
  constants: { VECTOR: [false, true] },
  bindings: { source: read('Element'), starts: read('u32'), weights: read('f32'), out: write('Element') },
  params: {
    images: 'u32',
    rows: 'u32',
    source_rows: 'u32',
    inner: 'u32',
    taps: 'u32',
    row: 'u32',
    source_row: 'u32',
    source_offset: 'u32',
    out_offset: 'u32',
  },
  workgroup: () => [64, 1, 1],
  grid: ({ images, rows, inner }) => foldGrid(Math.ceil((images * rows * inner) / 64)),
  cost: ({ images, rows, source_rows, inner, taps }, { VECTOR }) => {
    const elements = images * inner * (VECTOR === true ? 4 : 1);
    return { flops: 2 * taps * rows * elements, bytes: 4 * elements * (rows + source_rows) };
  },
});

type AxisVariant = Variant<AxisShape> & { readonly lanes: number };

/** Resampling along one axis; the resize and the Gaussian filter are two of these each. */
export const resizeFamily: Family<AxisShape, AxisVariant> = {
  name: 'resize',
  variants: [
    {
      name: 'vector',
      kernel: resizeAxis,
      constants: () => ({ VECTOR: true }),
      refuses: ({ inner }) =>
        inner % 4 === 0 ? undefined : 'takes multiples of 4 elements inside the axis that is resampled',
      lanes: 4,
    },
    { name: 'scalar', kernel: resizeAxis, constants: () => ({ VECTOR: false }), lanes: 1 },
  ],
};

/**
 * Records out = map(source) along an axis, one dispatch per piece that fits a binding. `from` is not 0.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function resampleAxis(
  device: Device,
  { source, out }: { readonly source: GpuBuffer; readonly out: GpuBuffer },
  shape: AxisShape,
  map: AxisMap,
): void {
  const { outer, from, to, inner } = shape;
  if (outer * to * inner === 0) return;
  const { limits } = device.capabilities;
  const variant = pick(resizeFamily, device, shape);
  const packed = () => packRows(map.rows(), from);
  const starts = device.tables.get(`${map.key} starts`, () => packed().starts);
  const weights = device.tables.get(`${map.key} weights`, () => packed().weights);
  const taps = weights.byteLength / (4 * to);

  const sourceRows = (row: number, rows: number) => {
    const read = packed().starts.subarray(row, row + rows);
    const first = Math.min(...read);
    return { first, count: Math.max(...read) + taps - first };
  };
  const read = { height: from, rowBytes: 4 * inner };
  const written = { height: to, rowBytes: 4 * inner };
  const request = { op: map.key, images: outer, source: read, out: written, sourceRows };
  for (const piece of imagePieces(request, limits)) {
    const elementBytes = 4 * variant.lanes;
    const bound = rowsRange(source, piece.source, read, elementBytes, limits);
    const target = rowsRange(out, piece.out, written, elementBytes, limits);
    device.dispatch(resizeAxis, {
      buffers: { source: bound.range, starts, weights, out: target.range },
      params: {
        images: piece.out.images,
        rows: piece.out.rows,
        source_rows: piece.source.rows,
        inner: inner / variant.lanes,
        taps,
        row: piece.out.row,
        source_row: piece.source.row,
        source_offset: bound.offset,
        out_offset: target.offset,
      },
      constants: variant.constants(shape),
    });
  }
}
