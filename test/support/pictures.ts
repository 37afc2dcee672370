import { crc32, deflateSync } from 'node:zlib';
import type { RgbImage } from '@lua-webgpu/lua-model';
import sharp from 'sharp';
import { seededValues } from './compare.ts';

/** A picture of 8-bit levels from a seed, every pixel another. */
export function noisePicture(width: number, height: number, seed = 1): RgbImage {
  const noise = seededValues(seed, width * height * 3);
  return { width, height, data: Float32Array.from(noise, (value) => Math.floor(128 * (value + 1)) / 255) };
}

/** A picture of 8-bit levels without fine detail: two gradients, and a disc of another colour. */
export function smoothPicture(width: number, height: number): RgbImage {
  const data = new Float32Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (Math.min(width, height) / 3) ** 2;
      const levels = [(255 * x) / width, (255 * y) / height, inside ? 204 : 51];
      data.set(
        levels.map((level) => Math.round(level) / 255),
        3 * (y * width + x),
      );
    }
  }
  return { width, height, data };
}

/** Integers 0 to 255 of a picture. */
export function levelsOf({ data }: RgbImage): number[] {
  return Array.from(data, (value) => Math.round(value * 255));
}

/** Columns that hold black from the row `below` on, as stretches with up to `gap` columns without between. */
export function inkStretches(
  { width, height, data }: RgbImage,
  below: number,
  gap: number,
): [number, number][] {
  const stretches: [number, number][] = [];
  for (let x = 0; x < width; x++) {
    let ink = false;
    for (let y = below; y < height; y++) ink ||= data[3 * (y * width + x)] === 0;
    if (!ink) continue;
    const last = stretches.at(-1);
    if (last && x - last[1] <= gap) last[1] = x;
    else stretches.push([x, x]);
  }
  return stretches;
}

/** Raw levels as sharp takes them: Uint8Array 8-bit, Uint16Array 16-bit. */
export function rawPicture(levels: Uint8Array | Uint16Array, width: number, channels: 1 | 2 | 3 | 4) {
  return sharp(levels, { raw: { width, height: levels.length / width / channels, channels } });
}

/** A PNG out of chunks; `crc` may be wrong on purpose. */
export function pngOf(chunks: readonly { type: string; data: Uint8Array; crc?: number }[]): Buffer {
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const encoded = chunks.map(({ type, data, crc }) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc ?? crc32(body));
    return Buffer.concat([length, body, sum]);
  });
  return Buffer.concat([signature, ...encoded]);
}

/** The chunks of an 8-bit grey PNG whose header may promise more than there is. */
export function greyChunks(width: number, height: number, rows: number) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return [
    { type: 'IHDR', data: header },
    { type: 'IDAT', data: deflateSync(Buffer.alloc(rows * (width + 1))) },
    { type: 'IEND', data: Buffer.alloc(0) },
  ];
}

/** An uncompressed TIFF of 8 or 16 bits per channel: grey (1), RGB (3), CMYK (4), or RGB and two channels of no meaning (5). */
export function tiffOf(picture: {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4 | 5;
  readonly levels: Uint8Array | Uint16Array;
  readonly icc?: Uint8Array | undefined;
  readonly orientation?: number;
}): Buffer {
  const { width, height, channels, levels, icc = new Uint8Array(0), orientation = 1 } = picture;
  const bits = 8 * levels.BYTES_PER_ELEMENT;
  const photometric = { 1: 1, 3: 2, 4: 5, 5: 2 }[channels];
  const extra = { depths: 2 * Math.max(2, channels), pixels: levels.byteLength, icc: icc.length };
  const [depthsAt, pixelsAt, iccAt] = [8, 8 + extra.depths, 8 + extra.depths + extra.pixels];
  const directoryAt = iccAt + extra.icc + ((iccAt + extra.icc) % 2);
  const [SHORT, LONG, UNDEFINED] = [3, 4, 7];
  const entries = [
    [256, LONG, 1, width],
    [257, LONG, 1, height],
    [258, SHORT, channels, channels > 2 ? depthsAt : bits],
    [259, SHORT, 1, 1],
    [262, SHORT, 1, photometric],
    [273, LONG, 1, pixelsAt],
    [274, SHORT, 1, orientation],
    [277, SHORT, 1, channels],
    [278, LONG, 1, height],
    [279, LONG, 1, extra.pixels],
    ...(channels === 5 ? [[338, SHORT, 2, 0]] : []),
    ...(icc.length > 0 ? [[34675, UNDEFINED, icc.length, iccAt]] : []),
  ] as [tag: number, type: number, count: number, value: number][];
  const file = Buffer.alloc(directoryAt + 2 + 12 * entries.length + 4);
  file.write('II*\0', 'latin1');
  file.writeUInt32LE(directoryAt, 4);
  for (let i = 0; i < channels; i++) file.writeUInt16LE(bits, depthsAt + 2 * i);
  file.set(new Uint8Array(levels.buffer, levels.byteOffset, levels.byteLength), pixelsAt);
  file.set(icc, iccAt);
  file.writeUInt16LE(entries.length, directoryAt);
  for (const [i, [tag, type, count, value]] of entries.entries()) {
    const at = directoryAt + 2 + 12 * i;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    file.writeUInt32LE(value, at + 8);
  }
  return file;
}
