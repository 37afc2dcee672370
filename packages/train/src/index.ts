export * from './checkpoint/index.ts';
export * from './config/index.ts';
export * from './data/index.ts';
export * from './evaluation/index.ts';
export * from './losses/index.ts';
export * from './metrics/index.ts';
export * from './run/index.ts';
export * from './trainer/index.ts';
