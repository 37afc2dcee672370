import { LuaWebGpuError } from '@lua-webgpu/kernels';

/** A run that cannot go on. Codes: `train-diverged`, `train-vae-missing`, `train-data`, `train-resume`. */
export class TrainingError extends LuaWebGpuError {}
