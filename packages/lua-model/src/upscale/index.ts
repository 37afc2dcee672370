export { type UpscaleOptions, type UpscaleProgress, upscale, upscaleAll } from './upscale.ts';
export { forwardBytes } from './memory.ts';
export { requireFinite } from './finite.ts';
