export { type AdamOptions, type AdamSegments, adam, adamFamily, adamKernel } from './adam.ts';
export { averageFamily, averageKernel, movingAverage } from './average.ts';
export { clipFactor, gradientNorm, squareSum } from './norm.ts';
export type { Segment } from './order.ts';
export { type SgdOptions, type SgdSegments, sgd, sgdFamily, sgdKernel } from './sgd.ts';
