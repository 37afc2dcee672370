import { ShapeError } from '@lua-webgpu/kernels';
import type { RgbImage } from '@lua-webgpu/lua-model';
import { requireSameSize, toBytes } from './image.ts';

const taps = 11;
const sigma = 1.5;
const c1 = (0.01 * 255) ** 2;
const c2 = (0.03 * 255) ** 2;

const gaussian = (() => {
  const weights = Float64Array.from({ length: taps }, (_, i) =>
    Math.exp(-((i - (taps - 1) / 2) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
})();

interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float64Array;
}

/**
 * Structural similarity as in SwinIR's evaluation (Wang et al. 2004): 11×11 Gaussian window, σ 1.5, only where the
 * window lies inside; on 8-bit values; the mean of the three channels.
 * @throws ShapeError `shape-mismatch`, `image-small` below 11 pixels a side
 */
export function ssim(image: RgbImage, reference: RgbImage): number {
  const [a, b] = bytePair('ssim', image, reference);
  let total = 0;
  for (let channel = 0; channel < 3; channel++)
    total += planeSsim(channelOf(image, a, channel), channelOf(image, b, channel));
  return total / 3;
}

/** SSIM of the studio-range luma Y (ITU-R BT.601), as super-resolution papers report it. Throws as `ssim` does. */
export function ssimY(image: RgbImage, reference: RgbImage): number {
  const [a, b] = bytePair('ssimY', image, reference);
  return planeSsim(luma(image, a), luma(image, b));
}

function bytePair(metric: string, image: RgbImage, reference: RgbImage): [Float64Array, Float64Array] {
  requireSameSize(metric, image, reference);
  if (Math.min(image.width, image.height) < taps) {
    throw new ShapeError(
      'image-small',
      `${metric} needs ${taps}×${taps} pixels, the image has ${image.height}×${image.width}`,
      'Compare larger images.',
    );
  }
  return [toBytes(image), toBytes(reference)];
}

function channelOf({ width, height }: RgbImage, bytes: Float64Array, channel: number): Plane {
  return {
    width,
    height,
    data: Float64Array.from({ length: width * height }, (_, i) => bytes[3 * i + channel] as number),
  };
}

function luma({ width, height }: RgbImage, bytes: Float64Array): Plane {
  const data = Float64Array.from({ length: width * height }, (_, i) => {
    const [r = 0, g = 0, b = 0] = bytes.subarray(3 * i, 3 * i + 3);
    return (65.481 * r + 128.553 * g + 24.966 * b) / 255 + 16;
  });
  return { width, height, data };
}

function planeSsim(a: Plane, b: Plane): number {
  const times = (x: Plane, y: Plane): Plane => ({
    ...x,
    data: x.data.map((value, i) => value * (y.data[i] as number)),
  });
  const [meanA, meanB, squareA, squareB, product] = [a, b, times(a, a), times(b, b), times(a, b)].map(
    blurValid,
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  let total = 0;
  for (let i = 0; i < meanA.length; i++) {
    const ma = meanA[i] as number;
    const mb = meanB[i] as number;
    const varianceA = (squareA[i] as number) - ma * ma;
    const varianceB = (squareB[i] as number) - mb * mb;
    const covariance = (product[i] as number) - ma * mb;
    total +=
      ((2 * ma * mb + c1) * (2 * covariance + c2)) /
      ((ma * ma + mb * mb + c1) * (varianceA + varianceB + c2));
  }
  return total / meanA.length;
}

/** Separable Gaussian over the places where the whole window lies inside. */
function blurValid({ width, height, data }: Plane): Float64Array {
  const outWidth = width - taps + 1;
  const outHeight = height - taps + 1;
  const rows = new Float64Array(outWidth * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < outWidth; x++) {
      let sum = 0;
      for (let t = 0; t < taps; t++) sum += (gaussian[t] as number) * (data[y * width + x + t] as number);
      rows[y * outWidth + x] = sum;
    }
  }
  const out = new Float64Array(outWidth * outHeight);
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      let sum = 0;
      for (let t = 0; t < taps; t++)
        sum += (gaussian[t] as number) * (rows[(y + t) * outWidth + x] as number);
      out[y * outWidth + x] = sum;
    }
  }
  return out;
}
