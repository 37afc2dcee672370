export { conv2d } from './conv2d.ts';
export { crop2d } from './crop2d.ts';
export type { NdArray, OpDefinition, Operands, Refusal, Sample } from './define.ts';
export { apply } from './define.ts';
export { matmul } from './matmul.ts';
export { pad2d } from './pad2d.ts';
export { pixelShuffle } from './pixel-shuffle.ts';
export { pixelUnshuffle } from './pixel-unshuffle.ts';
export { registry } from './registry.ts';
