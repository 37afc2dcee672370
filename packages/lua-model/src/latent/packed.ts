import { FileError, ShapeError } from '@lua-webgpu/kernels';

/** Values in row-major order with their shape. */
export interface HostLatent {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Channels of FLUX's latents, and of a token: 2×2 latent pixels, channel by channel. */
const CHANNELS = 16;
const PACKED = 4 * CHANNELS;
/** Image pixels along the side of a latent pixel. */
const STRIDE = 8;

/** Whether a shape can be FLUX's packed form [B, tokens, 64]. */
export function isPackedShape(shape: readonly number[]): boolean {
  return shape.length === 3 && shape[2] === PACKED;
}

/**
 * FLUX's packed form [B, (h/2)·(w/2), 64] of a latent [B, 16, h, w], as diffusers' `FluxPipeline._pack_latents`: tokens in
 * row-major order, within a token channel, then row, then column.
 *
 * @throws ShapeError `latent-shape` unless the shape is 4-D, fits the data and has even sides, `latent-channels` unless
 * it has 16 channels.
 */
export function packLatent(data: Float32Array, shape: readonly number[]): HostLatent {
  const [batch = 0, channels = 0, height = 0, width = 0] = shape;
  if (shape.length !== 4 || product(shape) !== data.length || height % 2 !== 0 || width % 2 !== 0) {
    throw new ShapeError(
      'latent-shape',
      `[${shape.join(', ')}] with ${data.length} elements cannot be packed`,
      'Pass [B, 16, h, w] with even h and w.',
    );
  }
  checkChannels(channels, CHANNELS, shape);
  const packed = new Float32Array(data.length);
  eachElement(batch, height, width, (plain, token) => {
    packed[token] = data[plain] ?? 0;
  });
  return { data: packed, shape: [batch, (height / 2) * (width / 2), PACKED] };
}

/**
 * The latent [B, 16, h, w] of FLUX's packed form [B, tokens, 64]: the inverse of {@link packLatent}, and what diffusers'
 * `FluxPipeline._unpack_latents` does.
 *
 * @param size [h, w] in latent pixels (image pixels / 8); without it the latent is taken for square
 * @throws FileError `latent-size` where no size is given and the tokens make no square, or where the size given has
 * another number of tokens. ShapeError `latent-shape` unless the shape is 3-D and fits the data, `latent-channels` unless
 * its last side is 64.
 */
export function unpackLatent(
  data: Float32Array,
  shape: readonly number[],
  size?: readonly [height: number, width: number],
): HostLatent {
  const [batch = 0, tokens = 0, channels = 0] = shape;
  if (shape.length !== 3 || product(shape) !== data.length) {
    throw new ShapeError(
      'latent-shape',
      `[${shape.join(', ')}] with ${data.length} elements is no packed latent`,
      'Pass [B, (h/2)·(w/2), 64].',
    );
  }
  checkChannels(channels, PACKED, shape);
  const [height, width] = size === undefined ? squareSize(tokens, shape) : checkedSize(size, tokens, shape);
  const plain = new Float32Array(data.length);
  eachElement(batch, height, width, (at, token) => {
    plain[at] = data[token] ?? 0;
  });
  return { data: plain, shape: [batch, CHANNELS, height, width] };
}

/** Calls back with the index of each element in [B, 16, h, w] and in the packed form. */
function eachElement(
  batch: number,
  height: number,
  width: number,
  visit: (plain: number, packed: number) => void,
): void {
  let plain = 0;
  for (let b = 0; b < batch; b++) {
    for (let c = 0; c < CHANNELS; c++) {
      for (let y = 0; y < height; y++) {
        const row = (b * (height / 2) + (y >> 1)) * (width / 2);
        const inside = c * 4 + (y & 1) * 2;
        for (let x = 0; x < width; x++) visit(plain++, (row + (x >> 1)) * PACKED + inside + (x & 1));
      }
    }
  }
}

function checkChannels(actual: number, wanted: number, shape: readonly number[]): void {
  if (actual === wanted) return;
  throw new ShapeError(
    'latent-channels',
    `[${shape.join(', ')}] has ${actual} channels, FLUX's ${wanted === PACKED ? 'packed ' : ''}latents have ${wanted}`,
    'Only FLUX packs its latents; pass those of SD3 and SDXL as [B, C, h, w].',
  );
}

function squareSize(tokens: number, shape: readonly number[]): [number, number] {
  const side = Math.sqrt(tokens);
  if (Number.isInteger(side)) return [2 * side, 2 * side];
  throw new FileError(
    'latent-size',
    `the packed latent [${shape.join(', ')}] has ${tokens} tokens of 2×2 pixels, which make no square`,
    `Pass --size HxW in latent pixels (image pixels / ${STRIDE})${example(tokens)}.`,
  );
}

/** The least elongated landscape size, as an example; nothing for a prime, which is nobody's image. */
function example(tokens: number): string {
  let rows = Math.floor(Math.sqrt(tokens));
  while (rows > 1 && tokens % rows !== 0) rows--;
  return rows > 1 ? `, for instance --size ${2 * rows}x${(2 * tokens) / rows}` : '';
}

function checkedSize(
  [height, width]: readonly [number, number],
  tokens: number,
  shape: readonly number[],
): [number, number] {
  const even = (side: number) => Number.isInteger(side) && side >= 0 && side % 2 === 0;
  if (even(height) && even(width) && (height / 2) * (width / 2) === tokens) return [height, width];
  const isImage = (height / (2 * STRIDE)) * (width / (2 * STRIDE)) === tokens;
  throw new FileError(
    'latent-size',
    `${height}x${width} does not fit the packed latent [${shape.join(', ')}] of ${tokens} tokens of 2×2 pixels`,
    isImage
      ? `This is the size of the image: pass that of the latent, --size ${height / STRIDE}x${width / STRIDE}.`
      : `Pass --size HxW with even H and W and (H/2)·(W/2) = ${tokens}${example(tokens)}.`,
  );
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
