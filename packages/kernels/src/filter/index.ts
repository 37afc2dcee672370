export { type GaussianShape, gaussianBlur, gaussianRows, gaussianWeights } from './gaussian.ts';
export { type ScharrShape, scharr, scharrFamily, scharrKernel } from './scharr.ts';
