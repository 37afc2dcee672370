import { castFromHalfFamily, castToHalfFamily } from './cast/index.ts';
import { conv2dFamily, winogradInput, winogradWeight } from './conv2d/index.ts';
import { conv2dTransposeWeightFamily } from './conv2d-transpose-weight/index.ts';
import { conv2dWeightGradientFamily } from './conv2d-weight-gradient/index.ts';
import { binaryFamily, unaryFamily, unaryGradientFamily } from './elementwise/index.ts';
import { extremumGradientFamily } from './extremum-gradient/index.ts';
import { fft2dFamily, fftModulate, fftPasses, fftPhaseFamily } from './fft2d/index.ts';
import { scharrFamily, scharrTransposedFamily } from './filter/index.ts';
import { finiteFamily } from './finite/index.ts';
import { gatherFamily, gatherLinks, scatterAddFamily } from './gather/index.ts';
import {
  gridBoundsKernel,
  gridGradientFamily,
  gridInputGradientFamily,
  gridSampleFamily,
} from './grid-sample/index.ts';
import {
  groupNormApplyFamily,
  groupNormCoefficients,
  groupNormDeviationsFamily,
  groupNormGradientFamily,
  groupNormSumsFamily,
} from './group-norm/index.ts';
import { l1LossFamily, l1LossGradientFamily } from './l1-loss/index.ts';
import { layerNormFamily } from './layer-norm/index.ts';
import { layerNormGradientFamily, layerNormParametersFamily } from './layer-norm-backward/index.ts';
import { toChannelsFirstFamily, toChannelsLastFamily, upsampleNearestFamily } from './layout/index.ts';
import { matmulFamily } from './matmul/index.ts';
import { adamFamily, averageFamily, clipFactor, sgdFamily, squareSum } from './optim/index.ts';
import { padFamily } from './pad/index.ts';
import { padGradientFamily } from './pad-gradient/index.ts';
import { patchVarianceFamily, patchVarianceGradientFamily } from './patch-variance/index.ts';
import { copyFamily } from './permute/index.ts';
import { pixelShuffleFamily } from './pixel-shuffle/index.ts';
import { dropoutFamily, randomUniform } from './random/index.ts';
import { reduceFamily } from './reduce/index.ts';
import { resizeFamily } from './resize/index.ts';
import type { Family } from './runtime/index.ts';
import { softmaxFamily, softmaxGradientFamily } from './softmax/index.ts';
import { tileBlendAccumulate } from './tile-blend/index.ts';
import type { AnyKernel } from './wgsl/index.ts';
import { windowAttentionFamily } from './window-attention/index.ts';
import {
  windowAttentionKeyFamily,
  windowAttentionQueryFamily,
  windowAttentionStatisticsFamily,
  windowAttentionTableFamily,
  windowAttentionTableGather,
  windowAttentionTableGatherDiagonals,
} from './window-attention-backward/index.ts';

/** Every family with a choice of variants; the tests force each variant of each. */
// biome-ignore lint/suspicious/noExplicitAny: families differ in their shapes; each is used with its own ops only
export const families: readonly Family<any, any>[] = [
  adamFamily,
  averageFamily,
  binaryFamily,
  castFromHalfFamily,
  castToHalfFamily,
  conv2dFamily,
  conv2dTransposeWeightFamily,
  conv2dWeightGradientFamily,
  copyFamily,
  dropoutFamily,
  extremumGradientFamily,
  fft2dFamily,
  fftPhaseFamily,
  finiteFamily,
  gatherFamily,
  gridGradientFamily,
  gridInputGradientFamily,
  gridSampleFamily,
  groupNormApplyFamily,
  groupNormDeviationsFamily,
  groupNormGradientFamily,
  groupNormSumsFamily,
  l1LossFamily,
  l1LossGradientFamily,
  layerNormFamily,
  layerNormGradientFamily,
  layerNormParametersFamily,
  matmulFamily,
  padFamily,
  patchVarianceFamily,
  patchVarianceGradientFamily,
  padGradientFamily,
  pixelShuffleFamily,
  reduceFamily,
  resizeFamily,
  scatterAddFamily,
  scharrFamily,
  scharrTransposedFamily,
  sgdFamily,
  softmaxFamily,
  softmaxGradientFamily,
  toChannelsFirstFamily,
  toChannelsLastFamily,
  unaryFamily,
  unaryGradientFamily,
  upsampleNearestFamily,
  windowAttentionFamily,
  windowAttentionKeyFamily,
  windowAttentionQueryFamily,
  windowAttentionStatisticsFamily,
  windowAttentionTableFamily,
];

/** Every kernel; the tests compile each with every combination of its constants. */
export const kernels: readonly AnyKernel[] = [
  ...new Set(families.flatMap(({ variants }) => variants.map(({ kernel }): AnyKernel => kernel))),
  ...fftPasses.values(),
  clipFactor,
  fftModulate,
  gatherLinks,
  gridBoundsKernel,
  randomUniform,
  squareSum,
  tileBlendAccumulate,
  groupNormCoefficients,
  windowAttentionTableGather,
  windowAttentionTableGatherDiagonals,
  winogradInput,
  winogradWeight,
];
