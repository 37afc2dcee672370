import { ShapeError } from '@lua-webgpu/kernels';
import { formatShape, type Shape } from '../core/index.ts';
import type { NdArray } from './define.ts';
import { epsilon } from './tolerance.ts';

/**
 * The images of a real [B, H, W, C] or complex [2, B, H, W, C] operand.
 * @throws ShapeError `shape-rank`, `shape-mismatch`
 */
export function imagesOf(
  op: string,
  shape: Shape,
  allowed: { readonly real: boolean; readonly complex: boolean },
) {
  const isReal = shape.length === 4 && allowed.real;
  if (!isReal && (shape.length !== 5 || !allowed.complex)) {
    const wanted = [allowed.real && 'real [B, H, W, C]', allowed.complex && 'complex [2, B, H, W, C]'];
    throw new ShapeError(
      'shape-rank',
      `${op}: x has shape ${formatShape(shape)}, ${wanted.filter(Boolean).join(' or ')} is needed`,
      'Reshape the tensor first.',
    );
  }
  if (!isReal && shape[0] !== 2) {
    throw new ShapeError(
      'shape-mismatch',
      `${op}: x ${formatShape(shape)} has ${shape[0]} planes`,
      'A complex tensor has its real parts first, then its imaginary parts: [2, B, H, W, C].',
    );
  }
  const [batch = 0, height = 0, width = 0, channels = 0] = shape.slice(-4);
  return { real: isReal, images: { batch, height, width, channels } };
}

/** Float64 reference of the 2-D transform, in the plainest form: every output is a sum over every position of an axis. */
export function transformReference(x: NdArray, inverse: boolean): NdArray {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape.slice(-4);
  const plane = batch * height * width * channels;
  const parts: Parts = { re: x.data.slice(0, plane), im: new Float64Array(plane) };
  if (x.shape.length === 5) parts.im.set(x.data.subarray(plane));
  const rows = transformAxis(parts, batch * height, width, channels, inverse);
  const { re, im } = transformAxis(rows, batch, height, width * channels, inverse);
  const data = new Float64Array(2 * plane);
  data.set(re);
  data.set(im, plane);
  const scale = inverse ? 1 / (height * width) : 1;
  return { shape: [2, batch, height, width, channels], data: data.map((value) => value * scale) };
}

interface Parts {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

function transformAxis(
  { re, im }: Parts,
  outer: number,
  length: number,
  inner: number,
  inverse: boolean,
): Parts {
  const out: Parts = { re: new Float64Array(re.length), im: new Float64Array(im.length) };
  for (let k = 0; k < length; k++) {
    for (let n = 0; n < length; n++) {
      const angle = (2 * Math.PI * ((k * n) % length)) / length;
      const cosine = Math.cos(angle);
      const sine = inverse ? Math.sin(angle) : -Math.sin(angle);
      for (let o = 0; o < outer; o++) {
        const to = (o * length + k) * inner;
        const source = (o * length + n) * inner;
        for (let i = 0; i < inner; i++) {
          const a = re[source + i] ?? 0;
          const b = im[source + i] ?? 0;
          out.re[to + i] = (out.re[to + i] ?? 0) + a * cosine - b * sine;
          out.im[to + i] = (out.im[to + i] ?? 0) + a * sine + b * cosine;
        }
      }
    }
  }
  return out;
}

/**
 * Error bound of the values of a transform of real or complex images, per element of a plane: rounding errors of the
 * passes grow with the number of passes, about log₂(H·W), and with the Euclidean norm of the image (Higham, Accuracy
 * and Stability of Numerical Algorithms, theorem 24.2). The constant has room for the longer sums of prime lengths.
 */
export function transformBound(x: NdArray): Float64Array {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape.slice(-4);
  const image = height * width * channels;
  const plane = batch * image;
  const squares = new Float64Array(batch * channels);
  const place = (i: number) => Math.floor((i % plane) / image) * channels + (i % channels);
  for (const [i, value] of x.data.entries()) squares[place(i)] = (squares[place(i)] ?? 0) + value * value;
  const factor = 4 * epsilon * (2 + Math.log2(height * width));
  return Float64Array.from({ length: plane }, (_, i) => factor * Math.sqrt(squares[place(i)] ?? 0));
}
