export { stageObjectives } from './curriculum.ts';
export { type DownsampleOptions, downsampleLoss } from './downsample.ts';
export { type EagleOptions, eagleLoss } from './eagle.ts';
export { LossError } from './errors.ts';
export { latentFft, pixelFft } from './fft.ts';
export { type HighFrequencyOptions, highFrequencyLoss } from './high-frequency.ts';
export { latentL1, pixelL1 } from './l1.ts';
export { type LossInputs, Objective, type ObjectiveReport, type ObjectiveValue } from './objective.ts';
export type { ObjectiveConfig, WeightedTerm } from './parse.ts';
export {
  type LossContext,
  type LossName,
  type LossOptions,
  type LossTerm,
  lossNames,
  lossTerms,
  type OptionRule,
} from './terms.ts';
