export { fftLine, fftModulate, fftPassAny, fftPasses, fftPhaseKernel } from './kernels.ts';
export { fft2dMagnitude, fft2dMagnitudeGradient, fftPhaseFamily } from './magnitude.ts';
export { type AxisShape as FftAxisShape, fft2dFamily } from './steps.ts';
export { type Fft2dOptions, type Fft2dShape, fft2d } from './transform.ts';
