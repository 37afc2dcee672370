/** The YAML of a training run: reading, overriding, resolving, writing. */

export { formatConfig, loadTrainConfig, parseTrainConfig, type TrainConfigOptions } from './config.ts';
export { matchesAny, matchesPattern } from './patterns.ts';
export { recipesFolder } from './read.ts';
export { jointSteps, needsPixels } from './stage.ts';
export type * from './types.ts';
