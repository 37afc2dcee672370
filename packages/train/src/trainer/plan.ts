import { uniformOfSample } from '@lua-webgpu/kernels';
import { linearWarmUp, multiStep } from '@lua-webgpu/tensor';
import { jointSteps, type StageConfig, type TrainConfig } from '../config/index.ts';

/** What is drawn per step beside what the network's blocks draw, whose streams count up from 0. */
const headStream = 0xffff_ffff;

/** What a step does, as a pure function of (configuration, stage, step): nothing of it is ever saved. */
export interface StepPlan {
  /** Number of the step in the run: what random numbers are drawn by. */
  readonly step: number;
  /** In its stage. */
  readonly stageStep: number;
  /** The scales whose heads are trained. */
  readonly scales: readonly number[];
  readonly lr: number;
}

/** Steps of the run before a stage. */
export function stepsBefore(config: TrainConfig, stageIndex: number): number {
  return config.stages.slice(0, stageIndex).reduce((sum, { steps }) => sum + steps, 0);
}

/**
 * The plan of one step. All heads are trained together in the first part of a stage; in the rest one is drawn per step
 * with equal probability (paper, appendix).
 */
export function planStep(config: TrainConfig, stageIndex: number, stageStep: number): StepPlan {
  const stage = config.stages[stageIndex] as StageConfig;
  const step = stepsBefore(config, stageIndex) + stageStep;
  const { scales } = stage.heads;
  const drawn = Math.floor(
    uniformOfSample({ seed: config.seed, step, stream: headStream }, 0) * scales.length,
  );
  const joint = stageStep < jointSteps(stage);
  return {
    step,
    stageStep,
    scales: joint ? scales : scales.slice(drawn, drawn + 1),
    lr: learningRate(stage)(stageStep),
  };
}

function learningRate({ lr, milestones, gamma, warm_up }: StageConfig): (step: number) => number {
  const schedule = multiStep({ lr, milestones, gamma });
  return warm_up > 0 ? linearWarmUp(schedule, { steps: warm_up }) : schedule;
}
