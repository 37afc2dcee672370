import {
  add,
  Conv2d,
  Group,
  LayerNorm,
  Module,
  ModuleList,
  paddedChannels,
  plainChannels,
  scoped,
  type Tensor,
} from '@lua-webgpu/tensor';
import { type LuaConfig, mlpHidden, windowing } from '../config/index.ts';
import { type RunBlock, runStored } from '../run-block.ts';
import { type DropPath, dropOfBlock } from './drop-path.ts';
import { type ResidualConv, residualConv } from './residual-conv.ts';
import { SwinBlock } from './swin-block.ts';

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

/** Residual Swin Transformer block: `depth` Swin blocks, a convolution, and the input added again. */
class ResidualGroup extends Module {
  readonly blocks: ModuleList<SwinBlock>;
  readonly conv: ResidualConv;
  /** Blocks of the groups before. */
  readonly #before: number;
  /** Blocks of the whole trunk. */
  readonly #all: number;

  constructor(config: LuaConfig, index: number) {
    super();
    const dim = config.embed_dim;
    const { window, shift } = windowing(config);
    const blocks = Array.from(
      { length: config.depths[index] as number },
      (_, j) =>
        new SwinBlock({
          dim,
          heads: config.num_heads[index] as number,
          window,
          shift: j % 2 === 0 ? 0 : shift,
          hidden: mlpHidden(config),
          imageSize: config.img_size,
        }),
    );
    this.blocks = new ModuleList(blocks);
    this.conv = residualConv(dim, config.resi_connection);
    this.#before = sum(config.depths.slice(0, index));
    this.#all = sum(config.depths);
  }

  override members() {
    return { residual_group: new Group({ blocks: this.blocks }), conv: this.conv };
  }

  forward(x: Tensor, run: RunBlock = runStored, dropPath?: DropPath): Tensor {
    return scoped(x, (input) => {
      let tokens = input;
      for (const [j, block] of this.blocks.items.entries()) {
        const drop = dropOfBlock(dropPath, this.#before + j, this.#all);
        const next = run({ forward: (t) => block.forward(t, drop) }, tokens);
        if (tokens !== input) tokens.dispose();
        tokens = next;
      }
      return add(this.conv.forward(tokens), input);
    });
  }
}

/** SwinIR's deep feature extraction (arXiv 2108.10257, §3), shared by every head. */
export class Trunk extends Module {
  readonly #convFirst: Conv2d;
  readonly #patchNorm: LayerNorm;
  readonly #layers: ModuleList<ResidualGroup>;
  readonly #norm: LayerNorm;
  readonly #convAfterBody: ResidualConv;

  constructor(config: LuaConfig) {
    super();
    const dim = plainChannels(config.embed_dim);
    this.#convFirst = new Conv2d(paddedChannels(config.in_chans), dim);
    this.#patchNorm = new LayerNorm(dim);
    this.#layers = new ModuleList(config.depths.map((_, index) => new ResidualGroup(config, index)));
    this.#norm = new LayerNorm(dim);
    this.#convAfterBody = residualConv(config.embed_dim, config.resi_connection);
  }

  override members() {
    return {
      conv_first: this.#convFirst,
      patch_embed: new Group({ norm: this.#patchNorm }),
      layers: this.#layers,
      norm: this.#norm,
      conv_after_body: this.#convAfterBody,
    };
  }

  /** x [B, H, W, in_chans padded to 4] → [B, H, W, embed_dim], H and W multiples of the window. */
  forward(x: Tensor, run: RunBlock = runStored, dropPath?: DropPath): Tensor {
    return scoped(x, (input) => {
      const shallow = this.#convFirst.forward(input);
      let tokens = this.#patchNorm.forward(shallow);
      for (const layer of this.#layers.items) {
        const next = layer.forward(tokens, run, dropPath);
        tokens.dispose();
        tokens = next;
      }
      return add(this.#convAfterBody.forward(this.#norm.forward(tokens)), shallow);
    });
  }
}
