import type { Limits } from '../capabilities.ts';
import { AllocationError } from '../errors.ts';
import type { BufferRange, GpuBuffer } from './buffer.ts';

export interface Band {
  readonly first: number;
  readonly count: number;
}

/** Rows that a band starts at a multiple of: then an f32 row of any width starts at a multiple of 256 bytes. */
const bandAlignment = 64;

/**
 * Splits `rows` into bands whose operands each fit one binding. One band where everything fits.
 *
 * @param bytesPerRow of each operand that is read or written row by row
 * @param maxRows further limit, such as what the dispatch grid can hold
 * @throws AllocationError `binding-too-large` when not even 64 rows fit
 */
export function rowBands(
  op: string,
  rows: number,
  bytesPerRow: readonly number[],
  limits: Limits,
  maxRows = Number.POSITIVE_INFINITY,
): Band[] {
  const widest = Math.max(1, ...bytesPerRow);
  const fitting = Math.min(Math.floor(limits.maxStorageBufferBindingSize / widest), maxRows);
  if (rows <= fitting) return [{ first: 0, count: rows }];
  const step = Math.floor(fitting / bandAlignment) * bandAlignment;
  if (step === 0) {
    throw new AllocationError(
      'binding-too-large',
      `${op}: ${bandAlignment} rows of ${widest} bytes do not fit one binding of ${limits.maxStorageBufferBindingSize}`,
      'Work on smaller pieces: pass a smaller `tile` or batch.',
    );
  }
  const bands: Band[] = [];
  for (let first = 0; first < rows; first += step) bands.push({ first, count: Math.min(step, rows - first) });
  return bands;
}

/** The bytes of a band in a buffer of rows. */
export function bandRange(buffer: GpuBuffer, band: Band, bytesPerRow: number): BufferRange {
  return { buffer, offset: band.first * bytesPerRow, size: Math.max(4, band.count * bytesPerRow) };
}
