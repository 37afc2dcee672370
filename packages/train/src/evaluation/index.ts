/** How good an upscaler is: the ways to upscale that it stands beside, and what is measured of them. */

export {
  type Closeness,
  type EvaluateOptions,
  evaluatePhoto,
  type Measured,
  meanDifference,
  type PhotoResult,
} from './evaluate.ts';
export {
  type ChannelGap,
  type DistributionGap,
  distributionGap,
  type HostImages,
} from './statistics/index.ts';
export { type EvaluationSummary, markdownOf, plotOf, summarise } from './summary.ts';
export {
  baselines,
  decodedThenBicubic,
  enlarge,
  interpolatedLatent,
  type LatentPair,
  luaUpscaler,
  roundTrip,
  type Upscaled,
  type Upscaler,
} from './upscalers.ts';
