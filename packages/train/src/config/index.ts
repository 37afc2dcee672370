/** The YAML of a training run: reading, overriding, resolving, writing. */

export { formatConfig, loadTrainConfig, parseTrainConfig, type TrainConfigOptions } from './config.ts';
export { jointSteps, needsPixels } from './stage.ts';
export type * from './types.ts';
