export * from './all.ts';
export type { Capabilities, Limits } from './capabilities.ts';
export * from './errors.ts';
export type { Activation } from './lib/index.ts';
export * from './matmul/index.ts';
export * from './runtime/index.ts';
export * from './wgsl/index.ts';
