import { checkpoint, type Tensor } from '@lua-webgpu/tensor';

/** A part of a network that maps one tensor to another, and that can be computed again. */
export interface Block {
  forward(x: Tensor): Tensor;
}

/** How a network runs its blocks. */
export type RunBlock = (block: Block, x: Tensor) => Tensor;

/** Keeps what the backward pass needs. */
export const runStored: RunBlock = (block, x) => block.forward(x);

/** Keeps the block's input alone and computes the block again in the backward pass. */
export const runRecomputed: RunBlock = (block, x) => checkpoint(x, (input) => block.forward(input));
