/// <reference types="@webgpu/types" preserve="true" />
export * from './all.ts';
export type { Capabilities, Limits } from './capabilities.ts';
export * from './cast/index.ts';
export * from './conv2d/index.ts';
export * from './elementwise/index.ts';
export * from './errors.ts';
export * from './finite/index.ts';
export * from './layer-norm/index.ts';
export * from './layout/index.ts';
export type { Activation } from './lib/index.ts';
export * from './matmul/index.ts';
export * from './pad/index.ts';
export * from './permute/index.ts';
export * from './pixel-shuffle/index.ts';
export * from './reduce/index.ts';
export * from './runtime/index.ts';
export * from './wgsl/index.ts';
export * from './window-attention/index.ts';
