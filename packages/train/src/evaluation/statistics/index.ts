/** How far apart two sets of latents (or images) are as distributions of values, channel by channel. */

export { type ChannelGap, type DistributionGap, distributionGap, type HostImages } from './gap.ts';
export { jensenShannon } from './jensen-shannon.ts';
export { wasserstein } from './wasserstein.ts';
