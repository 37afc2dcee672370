/// <reference types="@webgpu/types" preserve="true" />
export * from './all.ts';
export type { Capabilities, Limits } from './capabilities.ts';
export * from './conv2d/index.ts';
export * from './errors.ts';
export type { Activation } from './lib/index.ts';
export * from './matmul/index.ts';
export * from './pad/index.ts';
export * from './pixel-shuffle/index.ts';
export * from './runtime/index.ts';
export * from './wgsl/index.ts';
