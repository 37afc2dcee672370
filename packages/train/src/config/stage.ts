import { lossNames, lossTerms } from '../losses/index.ts';
import type { StageConfig } from './types.ts';

/** Whether a stage decodes its outputs. */
export function needsPixels({ loss }: Pick<StageConfig, 'loss'>): boolean {
  return lossNames.some((name) => loss[name] !== undefined && lossTerms[name].space === 'pixel');
}

/** How many steps, from the first, train all heads of a stage. */
export function jointSteps({ steps, heads }: Pick<StageConfig, 'steps' | 'heads'>): number {
  return Math.round(steps * heads.joint_until);
}
