import type { Limits } from '../capabilities.ts';
import { AllocationError } from '../errors.ts';
import type { BufferRange, GpuBuffer } from '../runtime/index.ts';

/** How one operand of an operation on a box of coordinates lies in its buffer. Units are elements. */
export interface Access {
  /** Where the coordinates 0, 0, … are. */
  readonly first: number;
  /** One per axis; 0 where the operand is repeated. */
  readonly strides: readonly number[];
  readonly elementBytes: number;
  /** Elements that are touched from each coordinate's place on; 1 by default. */
  readonly reach?: number;
}

/** A box of coordinates: `sizes[axis]` of them from `origin[axis]` on. */
export interface Region {
  readonly origin: readonly number[];
  readonly sizes: readonly number[];
}

/** Part of a buffer as a binding, and the element of the binding at which the operand starts. */
export interface Window {
  readonly range: BufferRange;
  readonly first: number;
}

/**
 * Cuts a box of coordinates into boxes whose operands each fit one binding: one box where everything fits. The axis
 * along which the offending operand stretches farthest is halved, which for a contiguous operand is the outermost.
 *
 * @throws AllocationError `binding-too-large` when what one coordinate touches does not fit
 */
export function splitRegion(
  op: string,
  sizes: readonly number[],
  accesses: readonly Access[],
  limits: Limits,
): Region[] {
  const regions: Region[] = [];
  const visit = (region: Region): void => {
    const offender = accesses.find(
      (access) => span(access, region, limits).bytes > limits.maxStorageBufferBindingSize,
    );
    if (!offender) {
      regions.push(region);
      return;
    }
    const axis = widestAxis(offender, region);
    const size = axis === undefined ? 1 : (region.sizes[axis] ?? 1);
    if (axis === undefined || size <= 1) {
      throw new AllocationError(
        'binding-too-large',
        `${op}: ${span(offender, region, limits).bytes} bytes do not fit one binding of ${limits.maxStorageBufferBindingSize}`,
        'Work on smaller pieces: pass a smaller `tile` or batch.',
      );
    }
    const half = Math.ceil(size / 2);
    const start = region.origin[axis] ?? 0;
    visit({ origin: region.origin, sizes: region.sizes.with(axis, half) });
    visit({ origin: region.origin.with(axis, start + half), sizes: region.sizes.with(axis, size - half) });
  };
  visit({ origin: sizes.map(() => 0), sizes });
  return regions;
}

/** What an operand touches of its buffer in a region. */
export function windowOf(buffer: GpuBuffer, access: Access, region: Region, limits: Limits): Window {
  const { start, bytes, skipped } = span(access, region, limits);
  const available = Math.ceil(buffer.byteLength / 4) * 4 - start;
  return {
    range: { buffer, offset: start, size: Math.max(4, Math.min(bytes, available)) },
    first: skipped / access.elementBytes,
  };
}

/** Contiguous strides of a shape. */
export function contiguousStrides(sizes: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of sizes.toReversed()) {
    strides.unshift(stride);
    stride *= size;
  }
  return strides;
}

function widestAxis({ strides }: Access, { sizes }: Region): number | undefined {
  let widest: number | undefined;
  let reach = 0;
  sizes.forEach((size, axis) => {
    const length = (size - 1) * (strides[axis] ?? 0);
    if (length > reach) {
      reach = length;
      widest = axis;
    }
  });
  return widest;
}

/** Bytes from an aligned start to the end of the last element; `skipped` of them lie before the first. */
function span(
  { first, strides, elementBytes, reach = 1 }: Access,
  { origin, sizes }: Region,
  limits: Limits,
) {
  let begin = first;
  let length = reach;
  sizes.forEach((size, axis) => {
    begin += (origin[axis] ?? 0) * (strides[axis] ?? 0);
    length += (size - 1) * (strides[axis] ?? 0);
  });
  const skipped = (begin * elementBytes) % limits.minStorageBufferOffsetAlignment;
  return { start: begin * elementBytes - skipped, bytes: skipped + length * elementBytes, skipped };
}
