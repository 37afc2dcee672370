export { type GaussianShape, gaussianBlur, gaussianRows, gaussianWeights } from './gaussian.ts';
export {
  type ScharrShape,
  scharr,
  scharrFamily,
  scharrKernel,
  scharrTransposed,
  scharrTransposedFamily,
  scharrTransposedKernel,
} from './scharr.ts';
