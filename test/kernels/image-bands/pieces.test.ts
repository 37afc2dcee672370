import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  imagePieces,
  type RowLayout,
  type Rows,
  rowsRange,
} from '../../../packages/kernels/src/image-bands/index.ts';
import type { GpuBuffer, Limits } from '../../../packages/kernels/src/index.ts';

const limitsOf = (maxStorageBufferBindingSize: number) =>
  ({ maxStorageBufferBindingSize, minStorageBufferOffsetAlignment: 256 }) as Limits;
const buffer = {} as GpuBuffer;

/** First and last byte of rows in their buffer. */
function bytesOf(rows: Rows, { height, rowBytes }: RowLayout) {
  const first = (rows.image * height + rows.row) * rowBytes;
  return { first, end: first + ((rows.images - 1) * height + rows.rows) * rowBytes };
}

describe('pieces of images', () => {
  const halo = fc.record({
    images: fc.integer({ min: 1, max: 9 }),
    height: fc.integer({ min: 1, max: 40 }),
    above: fc.integer({ min: 0, max: 3 }),
    below: fc.integer({ min: 0, max: 3 }),
    sourceRow: fc.integer({ min: 1, max: 50 }),
    outRow: fc.integer({ min: 1, max: 50 }),
    limit: fc.integer({ min: 2048, max: 60_000 }),
  });

  it('cover every output row once, in order, with its halo, within the binding', () => {
    fc.assert(
      fc.property(halo, ({ images, height, above, below, sourceRow, outRow, limit }) => {
        const source = { height, rowBytes: 4 * sourceRow };
        const out = { height, rowBytes: 4 * outRow };
        const limits = limitsOf(limit);
        const sourceRows = (row: number, rows: number) => {
          const first = Math.max(0, row - above);
          return { first, count: Math.min(height, row + rows + below) - first };
        };
        const pieces = imagePieces({ op: 'test', images, source, out, sourceRows }, limits);
        let next = 0;
        for (const piece of pieces) {
          expect(piece.out.image * height + piece.out.row).toBe(next);
          next += (piece.out.images - 1) * height + piece.out.rows;
          if (piece.out.images > 1) expect(piece.out.rows).toBe(height);
          const needed = sourceRows(piece.out.row, piece.out.rows);
          expect(piece.source.row).toBeLessThanOrEqual(needed.first);
          expect(piece.source.row + piece.source.rows).toBeGreaterThanOrEqual(needed.first + needed.count);
          expect([piece.source.image, piece.source.images]).toEqual([piece.out.image, piece.out.images]);
          for (const [rows, layout] of [
            [piece.out, out],
            [piece.source, source],
          ] as const) {
            const { range, offset } = rowsRange(buffer, rows, layout, 4, limits);
            if (!('offset' in range)) throw new Error('a range was expected');
            const bytes = bytesOf(rows, layout);
            expect(range.offset % 256).toBe(0);
            expect(range.size).toBeLessThanOrEqual(limit);
            expect(range.offset + 4 * offset).toBe(bytes.first);
            expect(range.offset + range.size).toBe(bytes.end);
          }
        }
        expect(next).toBe(images * height);
      }),
    );
  });

  it('are one where everything fits', () => {
    const layout = { height: 8, rowBytes: 100 };
    const sourceRows = (first: number, count: number) => ({ first, count });
    const request = { op: 'test', images: 3, source: layout, out: layout, sourceRows };
    expect(imagePieces(request, limitsOf(2400))).toHaveLength(1);
    expect(imagePieces(request, limitsOf(2399)).length).toBeGreaterThan(1);
  });

  it('refuse rows that exceed a binding', () => {
    const layout = { height: 8, rowBytes: 1000 };
    const sourceRows = (first: number, count: number) => ({ first, count });
    const request = { op: 'wide', images: 1, source: layout, out: layout, sourceRows };
    expect(() => imagePieces(request, limitsOf(900))).toThrow(
      expect.objectContaining({ code: 'binding-too-large', message: expect.stringContaining('wide') }),
    );
  });
});
