export { type BackwardOptions, backward } from './backward.ts';
export { checkpoint } from './checkpoint.ts';
export { Gradients } from './gradients.ts';
