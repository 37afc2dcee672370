import {
  bandRange,
  type Device,
  type Family,
  type GpuBuffer,
  pick,
  rowBands,
  type Variant,
} from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';
import { dropThreshold, type RandomKey } from './threefry.ts';

export {
  dropThreshold,
  type RandomKey,
  threefry4x32,
  uniformOfElement,
  uniformOfSample,
} from './threefry.ts';

const libraries = { 'random/threefry.wgsl': shaders['random/threefry.wgsl'] };

export const randomUniform = defineKernel({
  name: 'random/uniform',
  source: shaders['random/uniform.wgsl'],
  libraries,
  bindings: { out: write('f32') },
  params: {
    groups: 'u32',
    samples: 'u32',
    per_sample: 'u32',
    first_sample: 'u32',
    seed: 'u32',
    step: 'u32',
    stream: 'u32',
  },
  workgroup: () => [64, 1, 1],
  grid: ({ groups, samples }) => [Math.ceil(groups / 64), samples, 1],
  check: ({ samples }) => (samples <= 65_535 ? undefined : 'takes up to 65,535 samples'),
  cost: ({ samples, per_sample }) => ({ flops: 60 * samples * per_sample, bytes: 4 * samples * per_sample }),
});

/** Records numbers uniform in [0, 1) into `out` [samples, perSample], a pure function of the key, sample and element. */
export function fillUniform(
  device: Device,
  out: GpuBuffer,
  shape: RandomKey & { readonly samples: number; readonly perSample: number; readonly firstSample: number },
): void {
  const { samples, perSample, firstSample, seed, step, stream } = shape;
  if (samples * perSample === 0) return;
  device.dispatch(randomUniform, {
    buffers: { out },
    params: {
      groups: Math.ceil(perSample / 4),
      samples,
      per_sample: perSample,
      first_sample: firstSample,
      seed,
      step,
      stream,
    },
  });
}

/** What to drop of x [samples, perSample]. */
export interface DropoutShape extends RandomKey {
  readonly count: number;
  readonly perSample: number;
  /** Number of x's first sample. */
  readonly firstSample: number;
  /** Probability of being dropped; the rest is multiplied by 1/(1 − p). */
  readonly p: number;
  /** Whether a sample is dropped or kept as a whole (stochastic depth). */
  readonly wholeSamples: boolean;
}

const shared = {
  libraries,
  params: {
    count: 'u32',
    first: 'u32',
    per_sample: 'u32',
    first_sample: 'u32',
    seed: 'u32',
    step: 'u32',
    stream: 'u32',
    threshold: 'u32',
    scale: 'f32',
  },
  replayParams: ['step'],
  workgroup: (): Grid => [64, 1, 1],
} as const;

export const dropoutVector = defineKernel({
  ...shared,
  name: 'random/dropout',
  source: shaders['random/dropout.wgsl'],
  bindings: { x: read('vec4f'), out: write('vec4f') },
  grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
  cost: ({ count }) => ({ flops: 240 * count, bytes: 32 * count }),
});

export const stochasticDepthVector = defineKernel({
  ...shared,
  name: 'random/stochastic-depth',
  source: shaders['random/stochastic-depth.wgsl'],
  constants: { ADJACENT: [false, true] },
  bindings: { x: read('vec4f'), out: write('vec4f') },
  grid: ({ count }) => foldGrid(Math.ceil(count / 256)),
  cost: ({ count }) => ({ flops: 64 * count, bytes: 32 * count }),
});

export const dropoutScalar = defineKernel({
  ...shared,
  name: 'random/dropout-scalar',
  source: shaders['random/dropout-scalar.wgsl'],
  constants: { WHOLE_SAMPLES: [false, true] },
  bindings: { x: read('f32'), out: write('f32') },
  grid: ({ count }) => foldGrid(Math.ceil(count / 64)),
  cost: ({ count }) => ({ flops: 240 * count, bytes: 8 * count }),
});

type DropoutVariant = Variant<DropoutShape> & { readonly width: 1 | 4 };
const needsVectors = ({ perSample }: DropoutShape) =>
  perSample % 4 === 0 ? undefined : 'takes samples in multiples of 4';
const wholeSamplesIn = (name: string, ADJACENT: boolean): DropoutVariant => ({
  name,
  kernel: stochasticDepthVector,
  constants: () => ({ ADJACENT }),
  refuses: (shape) => (shape.wholeSamples ? needsVectors(shape) : 'drops whole samples'),
  width: 4,
});

/** `adjacent` and `interleaved` are one kernel with two orders of memory accesses. */
export const dropoutFamily: Family<DropoutShape, DropoutVariant> = {
  name: 'dropout',
  variants: [
    {
      name: 'vector',
      kernel: dropoutVector,
      constants: () => ({}),
      refuses: (shape) => (shape.wholeSamples ? 'drops single elements' : needsVectors(shape)),
      width: 4,
    },
    wholeSamplesIn('adjacent', true),
    wholeSamplesIn('interleaved', false),
    {
      name: 'scalar',
      kernel: dropoutScalar,
      constants: ({ wholeSamples }) => ({ WHOLE_SAMPLES: wholeSamples }),
      width: 1,
    },
  ],
  prefer: (variants, { software }) =>
    software
      ? variants
      : variants.toSorted((a, b) => Number(b.name === 'interleaved') - Number(a.name === 'interleaved')),
};

/**
 * Records dropout, in segments where a tensor exceeds one binding. The same arguments drop the same elements.
 * @throws KernelError `kernel-forced`
 */
export function dropout(
  device: Device,
  buffers: { readonly x: GpuBuffer; readonly out: GpuBuffer },
  shape: DropoutShape,
): void {
  if (shape.count === 0) return;
  const variant = pick(dropoutFamily, device, shape);
  const { width } = variant;
  const { seed, step, stream, p } = shape;
  for (const band of rowBands('dropout', shape.count, [4], device.capabilities.limits)) {
    device.dispatch(variant.kernel, {
      buffers: { x: bandRange(buffers.x, band, 4), out: bandRange(buffers.out, band, 4) },
      params: {
        count: band.count / width,
        first: band.first / width,
        per_sample: shape.perSample / width,
        first_sample: shape.firstSample,
        seed,
        step,
        stream,
        threshold: dropThreshold(p),
        scale: p < 1 ? 1 / (1 - p) : 0,
      },
      constants: variant.constants(shape),
    });
  }
}
