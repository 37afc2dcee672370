export { Adam, type AdamOptions, AdamW } from './adam.ts';
export { ArenaBuffers, ParameterArena, type Run, type Slot } from './arena.ts';
export { Ema } from './ema.ts';
export { type Gathered, Optimizer, type PreparedStep, type StepOptions, type Update } from './optimizer.ts';
export { cosine, linearWarmUp, multiStep, type Schedule } from './schedule.ts';
export { Sgd, type SgdOptions } from './sgd.ts';
