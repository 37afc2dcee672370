import { LuaWebGpuError } from '@lua-webgpu/kernels';

/**
 * An objective that cannot be: `loss-unknown` a term that does not exist, `loss-option` an option that its term does not
 * have or take, `loss-weight`, `loss-empty` no terms, `loss-missing` latents, images or a scale that a term needs.
 */
export class LossError extends LuaWebGpuError {}
