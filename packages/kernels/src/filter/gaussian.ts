import { borderIndex } from '../pad/index.ts';
import { type AxisRow, gatherRow, resampleAxis, transposeRows } from '../resize/index.ts';
import type { Device, GpuBuffer } from '../runtime/index.ts';

/**
 * out of x, both [B, H, W, C]: a Gaussian of `kernelSize` taps (odd) per channel, reflected at the borders, or its
 * transpose, which differs at the borders.
 */
export interface GaussianShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernelSize: number;
  readonly sigma: number;
  readonly transposed: boolean;
}

/** exp(−d²/2σ²) at the distances −(size−1)/2 … (size−1)/2, divided by their sum. */
export function gaussianWeights(size: number, sigma: number): number[] {
  const radius = (size - 1) / 2;
  const weights = Array.from({ length: size }, (_, k) =>
    Math.exp(-((k - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** The Gaussian as a map of an axis of `side` positions, the reflection (period 2·side − 2) folded into the weights. */
export function gaussianRows(side: number, size: number, sigma: number): AxisRow[] {
  const weights = gaussianWeights(size, sigma);
  const radius = (size - 1) / 2;
  return Array.from({ length: side }, (_, j) =>
    gatherRow(weights.map((weight, k) => [borderIndex(j + k - radius, side, 'reflect') ?? 0, weight])),
  );
}

/**
 * Records a Gaussian filter, along rows and then along columns.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`, `buffer-too-large`, `out-of-memory`
 */
export function gaussianBlur(
  device: Device,
  { x, out }: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  { batch, height, width, channels, kernelSize, sigma, transposed }: GaussianShape,
): void {
  if (batch * height * width * channels === 0) return;
  const map = (side: number) => ({
    key: `${transposed ? 'transposed ' : ''}gaussian ${kernelSize} taps, sigma ${sigma}, side ${side}`,
    rows: () => {
      const rows = gaussianRows(side, kernelSize, sigma);
      return transposed ? transposeRows(rows, side) : rows;
    },
  });
  const between = device.allocate(4 * batch * height * width * channels, 'gaussian');
  try {
    const columns = { outer: batch * height, from: width, to: width, inner: channels };
    resampleAxis(device, { source: x, out: between }, columns, map(width));
    const rows = { outer: batch, from: height, to: height, inner: width * channels };
    resampleAxis(device, { source: between, out }, rows, map(height));
  } finally {
    between.release();
  }
}
