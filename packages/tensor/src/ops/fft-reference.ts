import { ShapeError } from '@lua-webgpu/kernels';
import { formatShape, type Shape } from '../core/index.ts';
import type { NdArray } from './define.ts';
import { epsilon } from './tolerance.ts';

/**
 * Which direction of a transform is scaled: `backward` the inverse by 1/(H·W), `forward` the forward one by the same,
 * `ortho` both by its root.
 */
export type FftNorm = 'backward' | 'forward' | 'ortho';

export interface FftAttributes {
  readonly norm: FftNorm;
}

/** The norm of the opposite direction that makes it the transpose. */
export const transposedNorm = { backward: 'forward', forward: 'backward', ortho: 'ortho' } as const;

/**
 * The factor of a transform.
 * @throws ShapeError `attribute-invalid`
 */
export function scaleOf(op: string, norm: FftNorm, inverse: boolean, shape: Shape): number {
  if (!Object.hasOwn(transposedNorm, norm)) {
    throw new ShapeError(
      'attribute-invalid',
      `${op}: no norm ${norm}`,
      "Pass 'backward', 'forward' or 'ortho'.",
    );
  }
  const [, height = 0, width = 0] = shape.slice(-4);
  if (norm === 'ortho') return 1 / Math.sqrt(height * width);
  return (norm === 'backward') === inverse ? 1 / (height * width) : 1;
}

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
export function transformReference(x: NdArray, inverse: boolean, scale: number): NdArray {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape.slice(-4);
  const plane = batch * height * width * channels;
  const parts: Parts = { re: x.data.slice(0, plane), im: new Float64Array(plane) };
  if (x.shape.length === 5) parts.im.set(x.data.subarray(plane));
  const rows = transformAxis(parts, batch * height, width, channels, inverse);
  const { re, im } = transformAxis(rows, batch, height, width * channels, inverse);
  const data = new Float64Array(2 * plane);
  data.set(re);
  data.set(im, plane);
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

/**
 * Float64 gradient of Σ cotangent · |F(x)|: the real part of the plain inverse transform of cotangent · F/|F|, which
 * counts as 0 where F is 0.
 */
export function magnitudeGradientReference(x: NdArray, cotangent: NdArray): NdArray {
  const { data, shape } = transformReference(x, false, 1);
  const plane = x.data.length;
  const length = (i: number) => Math.hypot(data[i % plane] ?? 0, data[plane + (i % plane)] ?? 0);
  const turned = data.map((part, i) => {
    return part === 0 ? 0 : (part / length(i)) * (cotangent.data[i % plane] ?? 0);
  });
  return { shape: x.shape, data: transformReference({ shape, data: turned }, true, 1).data.slice(0, plane) };
}

/**
 * Error bound of the same in float32: a spectrum that is off by `transformBound` has directions that are off by that
 * over |F|, at most by 2; the transform back adds these errors up like a random walk, and its own.
 */
export function magnitudeGradientBound(x: NdArray, cotangent: NdArray): Float64Array {
  const [, height = 0, width = 0, channels = 0] = x.shape;
  const { data } = transformReference(x, false, 1);
  const plane = x.data.length;
  const image = height * width * channels;
  const off = transformBound(x);
  const place = (i: number) => Math.floor(i / image) * channels + (i % channels);
  const squares = new Map<number, number>();
  for (const [i, g] of cotangent.data.entries()) {
    const length = Math.hypot(data[i] ?? 0, data[plane + i] ?? 0);
    const turn = length === 0 ? 0 : Math.min(2, (off[i] ?? 0) / length);
    squares.set(place(i), (squares.get(place(i)) ?? 0) + (g * (turn + 8 * epsilon)) ** 2);
  }
  return transformBound(cotangent).map((own, i) => own + 2 * Math.sqrt(squares.get(place(i)) ?? 0));
}
