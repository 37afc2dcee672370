export type * from './lines.ts';
export type * from './types.ts';
