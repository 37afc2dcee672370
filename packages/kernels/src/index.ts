export * from './runtime/errors.ts';
