import { conv2dOp } from './conv2d.ts';
import { crop2dOp } from './crop2d.ts';
import type { OpDefinition } from './define.ts';
import { matmulOp } from './matmul.ts';
import { pad2dOp } from './pad2d.ts';
import { pixelShuffleOp } from './pixel-shuffle.ts';
import { pixelUnshuffleOp } from './pixel-unshuffle.ts';

/** Every op. The tests run all that is listed here. */
// biome-ignore lint/suspicious/noExplicitAny: a list of ops with different attributes; each is used with its own samples only
export const registry: readonly OpDefinition<any>[] = [
  matmulOp,
  conv2dOp,
  crop2dOp,
  pad2dOp,
  pixelShuffleOp,
  pixelUnshuffleOp,
];
