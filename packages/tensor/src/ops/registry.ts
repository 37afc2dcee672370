import { binaryOps } from './binary.ts';
import { castFromHalfOp, castToHalfOp } from './cast.ts';
import { toChannelsFirstOp, toChannelsLastOp } from './channels.ts';
import { concatOp } from './concat.ts';
import { conv2dOp } from './conv2d.ts';
import { conv2dTransposeWeightOp } from './conv2d-transpose-weight.ts';
import { conv2dWeightGradientOp } from './conv2d-weight-gradient.ts';
import { crop2dOp } from './crop2d.ts';
import type { OpDefinition } from './define.ts';
import { dropoutOp } from './dropout.ts';
import { embedOp } from './embed.ts';
import { expandOp } from './expand.ts';
import { extremumGradientOp } from './extremum-gradient.ts';
import { fftMagnitudeOp } from './fft-magnitude.ts';
import { fftMagnitudeGradientOp } from './fft-magnitude-gradient.ts';
import { fft2Op } from './fft2.ts';
import { countNonFiniteOp, firstNonFiniteOp } from './finite.ts';
import { gatherOp } from './gather.ts';
import { gaussianBlurOp } from './gaussian-blur.ts';
import { gridSampleOp } from './grid-sample.ts';
import { gridSampleGridGradientOp } from './grid-sample-grid-gradient.ts';
import { gridSampleInputGradientOp } from './grid-sample-input-gradient.ts';
import { groupNormOp } from './group-norm.ts';
import { groupNormApplyOp } from './group-norm-apply.ts';
import { groupNormGradientOp, groupNormStatisticsOp, groupNormSumsOp } from './group-norm-gradient.ts';
import { ifft2Op } from './ifft2.ts';
import { l1LossOp } from './l1-loss.ts';
import { l1LossGradientOp } from './l1-loss-gradient.ts';
import { layerNormOp } from './layer-norm.ts';
import { layerNormGradientOp, layerNormParameterGradientsOp } from './layer-norm-gradient.ts';
import { matmulOp } from './matmul.ts';
import { matmulTransposedOp } from './matmul-transposed.ts';
import { pad2dOp } from './pad2d.ts';
import { pad2dGradientOp } from './pad2d-gradient.ts';
import { patchVarianceOp } from './patch-variance.ts';
import { patchVarianceGradientOp } from './patch-variance-gradient.ts';
import { permuteOp } from './permute.ts';
import { pixelShuffleOp } from './pixel-shuffle.ts';
import { pixelUnshuffleOp } from './pixel-unshuffle.ts';
import { reduceOps } from './reduce.ts';
import { resize2dOp } from './resize2d.ts';
import { scatterAddOp } from './scatter-add.ts';
import { scharrOp } from './scharr.ts';
import { sliceOp } from './slice.ts';
import { softmaxOp } from './softmax.ts';
import { softmaxGradientOp } from './softmax-gradient.ts';
import { stochasticDepthOp } from './stochastic-depth.ts';
import { unaryOps } from './unary.ts';
import { unaryGradientOp } from './unary-gradient.ts';
import { upsampleNearest2dOp } from './upsample-nearest.ts';
import { windowAttentionOp } from './window-attention.ts';
import { windowAttentionGradientOp } from './window-attention-gradient.ts';
import { windowAttentionStatisticsOp } from './window-attention-statistics.ts';

/** Every op. The tests run all that is listed here. */
// biome-ignore lint/suspicious/noExplicitAny: a list of ops with different attributes; each is used with its own samples only
export const registry: readonly OpDefinition<any>[] = [
  matmulOp,
  matmulTransposedOp,
  conv2dOp,
  conv2dTransposeWeightOp,
  conv2dWeightGradientOp,
  crop2dOp,
  pad2dOp,
  pad2dGradientOp,
  pixelShuffleOp,
  pixelUnshuffleOp,
  groupNormOp,
  groupNormApplyOp,
  groupNormStatisticsOp,
  groupNormSumsOp,
  groupNormGradientOp,
  layerNormOp,
  layerNormGradientOp,
  layerNormParameterGradientsOp,
  windowAttentionOp,
  windowAttentionStatisticsOp,
  windowAttentionGradientOp,
  ...unaryOps,
  unaryGradientOp,
  ...binaryOps,
  ...reduceOps,
  extremumGradientOp,
  l1LossOp,
  l1LossGradientOp,
  softmaxOp,
  softmaxGradientOp,
  permuteOp,
  concatOp,
  sliceOp,
  embedOp,
  expandOp,
  gatherOp,
  scatterAddOp,
  toChannelsLastOp,
  toChannelsFirstOp,
  castToHalfOp,
  castFromHalfOp,
  countNonFiniteOp,
  firstNonFiniteOp,
  upsampleNearest2dOp,
  resize2dOp,
  gaussianBlurOp,
  scharrOp,
  patchVarianceOp,
  patchVarianceGradientOp,
  gridSampleOp,
  gridSampleInputGradientOp,
  gridSampleGridGradientOp,
  fft2Op,
  ifft2Op,
  fftMagnitudeOp,
  fftMagnitudeGradientOp,
  dropoutOp,
  stochasticDepthOp,
];
