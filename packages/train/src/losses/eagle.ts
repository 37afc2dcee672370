import { ShapeError } from '@lua-webgpu/kernels';
import {
  abs,
  affine,
  fftMagnitude,
  mean,
  mul,
  type NdArray,
  patchVariance,
  scharr,
  scoped,
  sub,
  sum,
  type Tensor,
} from '@lua-webgpu/tensor';
import { compareImages, scopeOf } from './images.ts';
import { opReference } from './reference.ts';

export interface EagleOptions {
  /** Side of a patch in pixels. 3 by default. */
  readonly patch_size?: number;
  /**
   * `gaussian` (default): 1 − exp(−(u² + v²) / (2 f_c²)), LUA's. `original`: 1 − exp(−½ (√(u² + v²) − f_c)²), that of
   * EAGLE's own code, which lets the lowest frequency pass and is 0 at f_c.
   */
  readonly high_pass?: 'gaussian' | 'original';
  /** f_c, in cycles per sample. 0.5 by default. */
  readonly cutoff?: number;
  /** Over the frequencies: their mean (default) or their sum. Images of a batch are averaged either way. */
  readonly reduction?: 'mean' | 'sum';
}

const defaults = { patch_size: 3, high_pass: 'gaussian', cutoff: 0.5, reduction: 'mean' } as const;

/** Shares of red, green and blue. */
const luminanceWeights = [0.2989, 0.587, 0.114];

/**
 * EAGLE (edge-aware gradient localization enhanced loss, Sun et al. 2025, arXiv 2403.10695) of decoded images
 * [B, 3, H, W]: the third term of stage III of LUA (arXiv 2511.10629).
 *
 *   EAGLE = Σ over d ∈ {x, y} of mean H · ||F(V_d(x̂))| − |F(V_d(x_HR))||
 *
 * V_d(x) [⌊H/3⌋, ⌊W/3⌋] is the unbiased variance of each 3×3 patch, side by side, of the Scharr gradient of the luminance
 * along d (zeros outside the image, not normalised), F the 2-D transform, forward, not normalised, and H a high-pass in
 * cycles per sample. Rows and columns that fill no patch do not count. Because of the zeros a constant that is added to
 * the image changes the patches at its border, as in EAGLE's own code.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `shape-empty`, `dtype-mismatch`, `image-small` below one patch,
 *   `attribute-invalid`
 */
export function eagleLoss(prediction: Tensor, target: Tensor, options: EagleOptions = {}): Tensor {
  const { patch_size: size, reduction, ...pass } = resolve(options);
  const least = { side: size, why: 'one patch' };
  return compareImages({ loss: 'eagle', rgb: true, least }, prediction, target, (p, t) => {
    const difference = sub(spectrum(p, size), spectrum(t, size));
    const [, height = 0, width = 0] = difference.shape;
    const key = `high pass ${pass.high_pass} ${pass.cutoff}`;
    const make = () => highPass({ ...pass, height, width });
    const weights = scopeOf(p).constant(key, make, [height, width, 1]);
    const average = mean(abs(mul(difference, weights)));
    return affine(average, { scale: directions * (reduction === 'mean' ? 1 : height * width), offset: 0 });
  });
}

/** x and y: the mean is over both, and they are to be added. */
const directions = 2;

/** [B, 3, H, W] → [2·B, ⌊H/size⌋, ⌊W/size⌋, 1]: the magnitudes along x of all images, then those along y. */
function spectrum(x: Tensor, size: number): Tensor {
  return scoped(x, (image) => {
    const [batch = 0, , height = 0, width = 0] = image.shape;
    const weights = scopeOf(image).constant('luminance', () => luminanceWeights, [3, 1, 1]);
    const luminance = sum(mul(image, weights), { axes: [1] }).reshape([batch, height, width, 1]);
    const gradients = scharr(luminance).reshape([directions * batch, height, width, 1]);
    return fftMagnitude(patchVariance(gradients, { size }));
  });
}

function resolve(options: EagleOptions): Required<EagleOptions> {
  const resolved = { ...defaults, ...options };
  const { high_pass, cutoff, reduction } = resolved;
  const wrong =
    (high_pass !== 'gaussian' && high_pass !== 'original' && `no high-pass ${high_pass}`) ||
    (reduction !== 'mean' && reduction !== 'sum' && `no reduction ${reduction}`) ||
    (!(cutoff > 0 && Number.isFinite(cutoff)) && `a cutoff of ${cutoff}`);
  if (!wrong) return resolved;
  throw new ShapeError(
    'attribute-invalid',
    `eagle: ${wrong}`,
    "Pass high_pass 'gaussian' or 'original', a cutoff above 0 and reduction 'mean' or 'sum'.",
  );
}

interface HighPass extends Pick<Required<EagleOptions>, 'high_pass' | 'cutoff'> {
  readonly height: number;
  readonly width: number;
}

/** H of a spectrum [height, width] in the order of a transform: frequency 0 and the positive ones first. */
function highPass({ high_pass, cutoff, height, width }: HighPass): Float64Array {
  const cycles = (k: number, length: number) => (k < length / 2 ? k : k - length) / length;
  return Float64Array.from({ length: height * width }, (_, i) => {
    const square = cycles(Math.floor(i / width), height) ** 2 + cycles(i % width, width) ** 2;
    if (high_pass === 'gaussian') return -Math.expm1(-square / (2 * cutoff ** 2));
    return -Math.expm1(-((Math.sqrt(square) - cutoff) ** 2) / 2);
  });
}

/** The same in float64. */
export function eagleReference(prediction: NdArray, target: NdArray, options: EagleOptions = {}): number {
  const { patch_size: size, reduction, ...pass } = resolve(options);
  const [p, t] = [prediction, target].map((x) => spectrumReference(x, size)) as [NdArray, NdArray];
  const [images = 0, height = 0, width = 0] = p.shape;
  const weights = highPass({ ...pass, height, width });
  const frequencies = height * width;
  const total = p.data.reduce((sum, magnitude, i) => {
    return sum + (weights[i % frequencies] as number) * Math.abs(magnitude - (t.data[i] as number));
  }, 0);
  return (directions * total) / images / (reduction === 'mean' ? frequencies : 1);
}

function spectrumReference({ shape, data }: NdArray, size: number): NdArray {
  const [batch = 0, , height = 0, width = 0] = shape;
  const pixels = height * width;
  const luminance = Float64Array.from({ length: batch * pixels }, (_, i) => {
    const first = Math.floor(i / pixels) * 3 * pixels + (i % pixels);
    return luminanceWeights.reduce((sum, w, c) => sum + w * (data[first + c * pixels] as number), 0);
  });
  const image = { shape: [batch, height, width, 1], data: luminance };
  const gradients = opReference('scharr', image, { transposed: false }).data;
  const variances = opReference(
    'patchVariance',
    { shape: [directions * batch, height, width, 1], data: gradients },
    { size },
  );
  return opReference('fftMagnitude', variances);
}
