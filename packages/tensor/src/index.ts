export * from './autograd/index.ts';
export * from './core/index.ts';
export * from './files/index.ts';
export * from './nn/index.ts';
export * from './ops/index.ts';
export * from './optim/index.ts';
