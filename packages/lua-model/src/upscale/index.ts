export { CapturedForward, captureForward, warmUp } from './captured-forward.ts';
export { forwardBytes } from './memory.ts';
export { type UpscaleOptions, type UpscaleProgress, upscale, upscaleAll } from './upscale.ts';
