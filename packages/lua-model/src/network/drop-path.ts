import { add, type DropoutOptions, stochasticDepth, type Tensor } from '@lua-webgpu/tensor';

/**
 * Stochastic depth of one forward pass in training (Huang et al. 2016, arXiv 1603.09382, as SwinIR's `drop_path_rate`).
 * Which samples skip which branches is a pure function of these numbers: a recomputed block skips the same, micro-batches
 * with their `firstSample` skip what the whole batch would. All but the rate are integers from 0 to 2³² − 1.
 */
export interface DropPath {
  readonly seed: number;
  /** Number of the training step. */
  readonly step: number;
  /** Number of the first sample in the whole batch; 0. */
  readonly firstSample?: number;
  /** Probability in the last block, from 0 in the first one on in equal steps; 0.1. */
  readonly rate?: number;
  /** The first of the streams, two per block; 0. Where a step takes several passes, streams of their own set them apart. */
  readonly stream?: number;
}

/** What one block drops: its attention by `stream`, its MLP by the next. */
export type BlockDrop = DropoutOptions & { readonly stream: number };

/** What block `index` of `blocks` drops; undefined for nothing. */
export function dropOfBlock(
  drop: DropPath | undefined,
  index: number,
  blocks: number,
): BlockDrop | undefined {
  if (!drop) return undefined;
  const { seed, step, firstSample = 0, rate = 0.1, stream = 0 } = drop;
  const p = blocks > 1 ? (rate * index) / (blocks - 1) : 0;
  return p === 0 ? undefined : { p, seed, step, firstSample, stream: stream + 2 * index };
}

/**
 * x plus the first (0) or second (1) residual branch of a block, without the samples that skip it. Where none may,
 * `branch` adds x itself, in its last product.
 */
export function residual(
  x: Tensor,
  branch: (addend?: Tensor) => Tensor,
  drop: BlockDrop | undefined,
  which: 0 | 1,
): Tensor {
  return drop ? add(x, stochasticDepth(branch(), { ...drop, stream: drop.stream + which })) : branch(x);
}
