import type { OpDefinition } from './define.ts';
import { matmulOp } from './matmul.ts';

/** Every op. The tests run all that is listed here. */
// biome-ignore lint/suspicious/noExplicitAny: a list of ops with different attributes; each is used with its own samples only
export const registry: readonly OpDefinition<any>[] = [matmulOp];
