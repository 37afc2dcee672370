export * from './config/index.ts';
export * from './data/index.ts';
export * from './metrics/index.ts';
