import {
  type FileTensor,
  LayerNorm,
  Linear,
  Module,
  plainChannels,
  scoped,
  type Tensor,
} from '@lua-webgpu/tensor';
import { WindowAttention } from './attention.ts';
import { attentionMask } from './buffers.ts';
import { type BlockDrop, residual } from './drop-path.ts';

export interface SwinBlockOptions {
  readonly dim: number;
  readonly heads: number;
  readonly window: number;
  /** Cyclic shift of the windows in pixels; 0 for even blocks. */
  readonly shift: number;
  /** Width of the MLP's middle layer. */
  readonly hidden: number;
  /** The configured image size, which the state dict's `attn_mask` is made for. */
  readonly imageSize: readonly [number, number];
}

/** Two linear layers with an exact GELU between them. */
class Mlp extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(dim: number, hidden: number) {
    super();
    this.fc1 = new Linear(plainChannels(dim), plainChannels(hidden));
    this.fc2 = new Linear(plainChannels(hidden), plainChannels(dim));
  }

  override members() {
    return { fc1: this.fc1, fc2: this.fc2 };
  }

  /** What the layers make of x, plus `addend`. */
  forward(x: Tensor, addend?: Tensor): Tensor {
    return this.fc2.forward(this.fc1.forward(x, { activation: { kind: 'gelu' } }), { addend });
  }
}

/** Swin Transformer block: x + attn(norm1(x)), then x + mlp(norm2(x)). */
export class SwinBlock extends Module {
  readonly norm1: LayerNorm;
  readonly attn: WindowAttention;
  readonly norm2: LayerNorm;
  readonly mlp: Mlp;
  readonly #options: SwinBlockOptions;

  constructor(options: SwinBlockOptions) {
    super();
    const { dim, heads, window, shift, hidden } = options;
    this.norm1 = new LayerNorm(plainChannels(dim));
    this.attn = new WindowAttention({ dim, heads, window, shift });
    this.norm2 = new LayerNorm(plainChannels(dim));
    this.mlp = new Mlp(dim, hidden);
    this.#options = options;
  }

  override members() {
    return { norm1: this.norm1, attn: this.attn, norm2: this.norm2, mlp: this.mlp };
  }

  override buffers(): Record<string, () => FileTensor> {
    const { shift, window, imageSize } = this.#options;
    if (shift === 0) return {};
    return { attn_mask: () => attentionMask(imageSize[0], imageSize[1], window, shift) };
  }

  /** x [B, H, W, dim] → the same shape. `drop` is what samples may skip in training. */
  forward(x: Tensor, drop?: BlockDrop): Tensor {
    const { norm1, attn, norm2, mlp } = this;
    return scoped(x, (input) => {
      const attended = scoped(input, (t) =>
        residual(t, (addend) => attn.forward(norm1.forward(t), addend), drop, 0),
      );
      return residual(attended, (addend) => mlp.forward(norm2.forward(attended), addend), drop, 1);
    });
  }
}
