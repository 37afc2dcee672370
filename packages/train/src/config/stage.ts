import type { LossName, StageConfig } from './types.ts';

/** The losses that compare decoded pixels. */
const PIXEL_LOSSES: readonly LossName[] = ['downsample', 'high_frequency', 'l1_pixel', 'fft_pixel', 'eagle'];

/** Whether a stage decodes its outputs. */
export function needsPixels({ loss }: Pick<StageConfig, 'loss'>): boolean {
  return PIXEL_LOSSES.some((name) => loss[name] !== undefined);
}

/** How many steps, from the first, train all heads of a stage. */
export function jointSteps({ steps, heads }: Pick<StageConfig, 'steps' | 'heads'>): number {
  return Math.round(steps * heads.joint_until);
}
