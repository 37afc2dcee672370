export { add, div, maximum, minimum, mul, sub } from './binary.ts';
export { cast } from './cast.ts';
export { toChannelsFirst, toChannelsLast } from './channels.ts';
export { concat } from './concat.ts';
export { conv2d } from './conv2d.ts';
export { conv2dTransposeWeight } from './conv2d-transpose-weight.ts';
export { conv2dParameterGradients, conv2dWeightGradient } from './conv2d-weight-gradient.ts';
export { crop2d } from './crop2d.ts';
export type {
  NdArray,
  NoVjp,
  OpDefinition,
  Operands,
  Ops,
  Refusal,
  Sample,
  Vjp,
  VjpContext,
} from './define.ts';
export { apply, applyBoth, vjpOf } from './define.ts';
export { type DropoutOptions, dropout } from './dropout.ts';
export { embed } from './embed.ts';
export { expand } from './expand.ts';
export { extremumGradient } from './extremum-gradient.ts';
export { fftMagnitude } from './fft-magnitude.ts';
export { fftMagnitudeGradient } from './fft-magnitude-gradient.ts';
export type { FftNorm } from './fft-reference.ts';
export { fft2 } from './fft2.ts';
export { countNonFinite, firstNonFinite } from './finite.ts';
export { gather } from './gather.ts';
export { gaussianBlur } from './gaussian-blur.ts';
export { gridSample } from './grid-sample.ts';
export { gridSampleGridGradient } from './grid-sample-grid-gradient.ts';
export { gridSampleInputGradient } from './grid-sample-input-gradient.ts';
export { type GroupNormAttributes, groupNorm } from './group-norm.ts';
export { groupNormApply } from './group-norm-apply.ts';
export { groupNormGradient, groupNormStatistics, groupNormSums } from './group-norm-gradient.ts';
export { ifft2 } from './ifft2.ts';
export { l1Loss } from './l1-loss.ts';
export { l1LossGradient } from './l1-loss-gradient.ts';
export { layerNorm } from './layer-norm.ts';
export { layerNormGradient, layerNormParameterGradients } from './layer-norm-gradient.ts';
export { matmul } from './matmul.ts';
export { matmulTransposed } from './matmul-transposed.ts';
export { pad2d } from './pad2d.ts';
export { pad2dGradient } from './pad2d-gradient.ts';
export { patchVariance } from './patch-variance.ts';
export { patchVarianceGradient } from './patch-variance-gradient.ts';
export { permute } from './permute.ts';
export { pixelShuffle } from './pixel-shuffle.ts';
export { pixelUnshuffle } from './pixel-unshuffle.ts';
export { max, mean, min, type ReduceOptions, sum } from './reduce.ts';
export { registry } from './registry.ts';
export { resize2d } from './resize2d.ts';
export { scatterAdd } from './scatter-add.ts';
export { scharr } from './scharr.ts';
export { slice } from './slice.ts';
export { softmax } from './softmax.ts';
export { softmaxGradient } from './softmax-gradient.ts';
export { stochasticDepth } from './stochastic-depth.ts';
export {
  abs,
  affine,
  clamp,
  exp,
  gelu,
  leakyRelu,
  log,
  neg,
  reciprocal,
  relu,
  sigmoid,
  silu,
  sqrt,
  square,
  tanh,
} from './unary.ts';
export { unaryGradient } from './unary-gradient.ts';
export { upsampleNearest2d } from './upsample-nearest.ts';
export { type WindowAttentionAttributes, windowAttention } from './window-attention.ts';
export { windowAttentionAndTableGradients, windowAttentionGradient } from './window-attention-gradient.ts';
export { windowAttentionStatistics } from './window-attention-statistics.ts';
