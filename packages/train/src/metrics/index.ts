export { psnr } from './psnr.ts';
export { ssim, ssimY } from './ssim.ts';
