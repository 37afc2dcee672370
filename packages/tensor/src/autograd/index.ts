export { type BackwardOptions, backward } from './backward.ts';
export { checkpoint, checkpointAll } from './checkpoint.ts';
export { Gradients } from './gradients.ts';
