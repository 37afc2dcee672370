export type { NdArray, OpDefinition, Operands, Refusal, Sample } from './define.ts';
export { apply } from './define.ts';
export { matmul } from './matmul.ts';
export { registry } from './registry.ts';
