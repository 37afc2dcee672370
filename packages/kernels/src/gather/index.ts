import { type Access, splitRegion, windowOf } from '../regions/index.ts';
import { type Device, type GpuBuffer, pick } from '../runtime/index.ts';
import {
  type GatherShape,
  gatherFamily,
  gatherKernel,
  gatherLinks,
  scatterAddFamily,
  scatterAddKernel,
} from './kernels.ts';

export {
  type GatherShape,
  gatherFamily,
  gatherKernel,
  gatherLinks,
  scatterAddFamily,
  scatterAddKernel,
} from './kernels.ts';

/** An operand [outer, lines, columns] of which a coordinate touches its own element. */
function contiguous(lines: number, columns: number, lanes: number): Access {
  return { first: 0, strides: [lines * columns, columns, 1], elementBytes: 4 * lanes };
}

/** An operand [outer, lines, columns] of which a coordinate may touch any line. */
function anyLine(lines: number, columns: number, lanes: number): Access {
  const reach = (lines - 1) * columns + 1;
  return { first: 0, strides: [lines * columns, 0, 1], elementBytes: 4 * lanes, reach };
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/**
 * Records out[o, r, c] = x[o, index[o, r, c], c], in pieces where an operand exceeds one binding; 32-bit elements. The
 * bits of `fill` stand where an index (u32, or i32 as its bits) is not below `size`, which is not 0.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when x[o] does not fit one
 */
export function gather(
  device: Device,
  buffers: { readonly x: GpuBuffer; readonly index: GpuBuffer; readonly out: GpuBuffer },
  shape: GatherShape & { readonly fill: number },
): void {
  const { outer, size, rows, shared, fill } = shape;
  if (outer * rows * shape.columns === 0) return;
  const variant = pick(gatherFamily, device, shape);
  const columns = shape.columns / variant.lanes;
  const { limits } = device.capabilities;
  const x = anyLine(size, columns, variant.lanes);
  const index = shared ? { first: 0, strides: [0, 1, 0], elementBytes: 4 } : contiguous(rows, columns, 1);
  const out = contiguous(rows, columns, variant.lanes);
  for (const region of splitRegion('gather', [outer, rows, columns], [x, index, out], limits)) {
    const [from, list, to] = [
      windowOf(buffers.x, x, region, limits),
      windowOf(buffers.index, index, region, limits),
      windowOf(buffers.out, out, region, limits),
    ];
    device.dispatch(gatherKernel, {
      buffers: { x: from.range, index: list.range, out: to.range },
      params: {
        count: product(region.sizes),
        rows: region.sizes[1] ?? 0,
        columns: region.sizes[2] ?? 0,
        size,
        fill,
        x_first: from.first,
        x_outer: size * columns,
        x_row: columns,
        index_first: list.first,
        index_outer: index.strides[0] ?? 0,
        index_row: index.strides[1] ?? 0,
        index_column: index.strides[2] ?? 0,
        out_first: to.first,
        out_outer: rows * columns,
        out_row: columns,
      },
      constants: variant.constants(shape),
    });
  }
}

/**
 * Records out[o, p, c] = Σ x[o, r, c] over the rows r with index[o, r, c] = p, added in ascending order, in pieces where
 * an operand exceeds one binding; f32. Rows whose index is not below `size` are left out. No atomics: a first kernel finds
 * for each place its first row and for each row the next of its place, a second adds along these links.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when x[o] or the links of o do not fit one
 */
export function scatterAdd(
  device: Device,
  buffers: { readonly x: GpuBuffer; readonly index: GpuBuffer; readonly out: GpuBuffer },
  shape: GatherShape,
): void {
  const { outer, size, rows, columns, shared } = shape;
  if (outer * size * columns === 0) return;
  if (rows === 0) {
    device.clear(buffers.out);
    return;
  }
  const lists = shared ? { ...shape, outer: 1, columns: 1 } : shape;
  const links = device.allocate(4 * lists.outer * (size + rows) * lists.columns, 'scatterAdd');
  try {
    link(device, { index: buffers.index, out: links }, lists);
    addAlong(device, { x: buffers.x, links, out: buffers.out }, shape);
  } finally {
    links.release();
  }
}

function link(
  device: Device,
  buffers: { readonly index: GpuBuffer; readonly out: GpuBuffer },
  { outer, size, rows, columns }: GatherShape,
): void {
  const { limits } = device.capabilities;
  const lines = size + rows;
  const index = anyLine(rows, columns, 1);
  const out = contiguous(lines, columns, 1);
  for (const region of splitRegion('scatterAdd', [outer, lines, columns], [index, out], limits)) {
    const list = windowOf(buffers.index, index, region, limits);
    const to = windowOf(buffers.out, out, region, limits);
    device.dispatch(gatherLinks, {
      buffers: { index: list.range, out: to.range },
      params: {
        count: product(region.sizes),
        lines: region.sizes[1] ?? 0,
        columns: region.sizes[2] ?? 0,
        first_line: region.origin[1] ?? 0,
        size,
        rows,
        index_first: list.first,
        index_outer: rows * columns,
        index_row: columns,
        index_column: 1,
        out_first: to.first,
        out_outer: lines * columns,
        out_row: columns,
      },
    });
  }
}

function addAlong(
  device: Device,
  buffers: { readonly x: GpuBuffer; readonly links: GpuBuffer; readonly out: GpuBuffer },
  shape: GatherShape,
): void {
  const { outer, size, rows, shared } = shape;
  const variant = pick(scatterAddFamily, device, shape);
  const columns = shape.columns / variant.lanes;
  const { limits } = device.capabilities;
  const x = anyLine(rows, columns, variant.lanes);
  const out = contiguous(size, columns, variant.lanes);
  const list = anyLine(size + rows, shared ? 1 : columns, 1);
  const links = shared ? { ...list, strides: [0, 0, 0] } : list;
  for (const region of splitRegion('scatterAdd', [outer, size, columns], [x, links, out], limits)) {
    const [from, along, to] = [
      windowOf(buffers.x, x, region, limits),
      windowOf(buffers.links, links, region, limits),
      windowOf(buffers.out, out, region, limits),
    ];
    device.dispatch(scatterAddKernel, {
      buffers: { x: from.range, links: along.range, out: to.range },
      params: {
        count: product(region.sizes),
        lines: region.sizes[1] ?? 0,
        columns: region.sizes[2] ?? 0,
        first_line: region.origin[1] ?? 0,
        size,
        rows,
        x_first: from.first,
        x_outer: rows * columns,
        x_row: columns,
        links_first: along.first,
        links_outer: links.strides[0] ?? 0,
        links_row: shared ? 1 : columns,
        links_column: links.strides[2] ?? 0,
        out_first: to.first,
        out_outer: size * columns,
        out_row: columns,
      },
      constants: variant.constants(shape),
    });
  }
}
