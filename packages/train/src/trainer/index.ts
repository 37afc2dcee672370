/** The loop: a step, a stage, a curriculum, in a run folder. */

export { TrainingError } from './errors.ts';
export { planStep, type StepPlan } from './plan.ts';
export {
  type PartTimes,
  type PhaseRehearsal,
  type RehearsalOptions,
  rehearse,
  type StageRehearsal,
  type StepProfile,
} from './rehearsal.ts';
export { type TrainOptions, type TrainResult, train } from './train.ts';
