export * from './core/index.ts';
export * from './files/index.ts';
export * from './ops/index.ts';
