export { colourShift } from './colour-shift.ts';
export { psnr } from './psnr.ts';
export { ssim, ssimY } from './ssim.ts';
