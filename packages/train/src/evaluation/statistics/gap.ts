import { NonFiniteError, ShapeError } from '@lua-webgpu/kernels';
import { jensenShannon } from './jensen-shannon.ts';
import { wasserstein } from './wasserstein.ts';

/** Latents or images on the host, [B, C, h, w]. */
export interface HostImages {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** How far one channel of a set is from that of the reference. */
export interface ChannelGap {
  /** Wasserstein-1 distance of the values, in their unit. */
  readonly wasserstein: number;
  /** Jensen–Shannon divergence of the histograms, in nats: 0 to ln 2. */
  readonly jensenShannon: number;
  /** |variance − variance of the reference| / variance of the reference; infinite where the latter alone is 0. */
  readonly varianceGap: number;
}

export interface DistributionGap {
  readonly channels: readonly ChannelGap[];
  /** Means over the channels. */
  readonly mean: ChannelGap;
}

/**
 * Compares the values of two sets channel by channel, those of all images and positions of a set together: the gap
 * between the latents of low and high resolution in LUA's appendix (arXiv 2511.10629). The sets may differ in size and
 * resolution. In float64 on the host.
 *
 * @param options.bins of the histograms, between the least and the largest value of a channel in both sets; 100 by default
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `shape-empty`, `attribute-invalid`
 * @throws NonFiniteError `non-finite`
 */
export function distributionGap(
  set: readonly HostImages[],
  reference: readonly HostImages[],
  { bins = 100 }: { readonly bins?: number } = {},
): DistributionGap {
  if (!Number.isSafeInteger(bins) || bins < 1) {
    throw new ShapeError('attribute-invalid', `distributionGap: ${bins} bins`, 'Pass a whole number from 1.');
  }
  const channels = channelsOf([...set, ...reference]);
  if ([set, reference].some((images) => images.every(({ data }) => data.length === 0))) {
    throw new ShapeError('shape-empty', 'distributionGap: a set without values', 'Pass at least one latent.');
  }
  const gaps = Array.from({ length: channels }, (_, channel): ChannelGap => {
    const [a, b] = [sortedChannel(set, channel, channels), sortedChannel(reference, channel, channels)];
    const [own, other] = [variance(a), variance(b)];
    return {
      wasserstein: wasserstein(a, b),
      jensenShannon: jensenShannon(a, b, bins),
      varianceGap: own === other ? 0 : Math.abs(own - other) / other,
    };
  });
  const mean = (pick: (gap: ChannelGap) => number) =>
    gaps.reduce((sum, gap) => sum + pick(gap), 0) / gaps.length;
  return {
    channels: gaps,
    mean: {
      wasserstein: mean((gap) => gap.wasserstein),
      jensenShannon: mean((gap) => gap.jensenShannon),
      varianceGap: mean((gap) => gap.varianceGap),
    },
  };
}

/** The number of channels that all have. */
function channelsOf(all: readonly HostImages[]): number {
  const counts = new Set(all.map(({ shape }) => shape[1]));
  for (const { shape, data } of all) {
    if (shape.length !== 4) {
      throw new ShapeError(
        'shape-rank',
        `distributionGap: [${shape.join(', ')}] is not [B, C, h, w]`,
        'Reshape it first.',
      );
    }
    if (data.length !== shape.reduce((product, size) => product * size, 1) || counts.size > 1) {
      throw new ShapeError(
        'shape-mismatch',
        `distributionGap: [${shape.join(', ')}] with ${data.length} values, among sets of ${[...counts].join(', ')} channels`,
        'Pass sets of one number of channels, and as many values as the shapes say.',
      );
    }
  }
  return [...counts][0] ?? 0;
}

/** All values of one channel, ascending. */
function sortedChannel(set: readonly HostImages[], channel: number, channels: number): Float64Array {
  const count = set.reduce((sum, { data }) => sum + data.length / channels, 0);
  const values = new Float64Array(count);
  let filled = 0;
  for (const { shape, data } of set) {
    const [batch = 0, , height = 0, width = 0] = shape;
    const plane = height * width;
    for (let image = 0; image < batch; image++) {
      const first = (image * channels + channel) * plane;
      values.set(data.subarray(first, first + plane), filled);
      filled += plane;
    }
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad === -1) return values.sort();
  throw new NonFiniteError(
    'non-finite',
    `distributionGap: channel ${channel} holds ${values[bad]}`,
    'Look at the latent that it comes from.',
  );
}

/** The mean square of the differences from the mean. */
function variance(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}
