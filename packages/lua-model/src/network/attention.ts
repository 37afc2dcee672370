import {
  type FileTensor,
  groupedChannels,
  Linear,
  Module,
  Parameter,
  plainChannels,
  plainPacking,
  type Tensor,
  truncatedNormal,
  windowAttention,
} from '@lua-webgpu/tensor';
import { relativePositionIndex } from './buffers.ts';

/** Window self-attention with a relative position bias (Swin Transformer, eq. 4), as the state dict's `attn`. */
export class WindowAttention extends Module {
  readonly qkv: Linear;
  readonly proj: Linear;
  readonly table: Parameter;
  readonly #heads: number;
  readonly #window: number;
  readonly #shift: number;
  readonly #scale: number;

  constructor(options: { dim: number; heads: number; window: number; shift: number }) {
    super();
    const { dim, heads, window, shift } = options;
    const headDim = dim / heads;
    this.qkv = new Linear(plainChannels(dim), groupedChannels(3 * heads, headDim));
    this.proj = new Linear(groupedChannels(heads, headDim), plainChannels(dim));
    this.table = new Parameter(plainPacking([(2 * window - 1) ** 2, heads]), (seed, name, count) =>
      truncatedNormal(seed, name, count, 0.02),
    );
    this.#heads = heads;
    this.#window = window;
    this.#shift = shift;
    // Of the true head dimension: padding channels are zero and add nothing to q · k.
    this.#scale = headDim ** -0.5;
  }

  override members() {
    return { relative_position_bias_table: this.table, qkv: this.qkv, proj: this.proj };
  }

  override buffers(): Record<string, () => FileTensor> {
    return { relative_position_index: () => relativePositionIndex(this.#window) };
  }

  /** x [B, H, W, dim] → its attention + addend, [B, H, W, dim]; H and W are multiples of the window. */
  forward(x: Tensor, addend?: Tensor): Tensor {
    const attended = windowAttention(this.qkv.forward(x), this.table.tensor, {
      heads: this.#heads,
      window: this.#window,
      shift: this.#shift,
      scale: this.#scale,
    });
    return this.proj.forward(attended, { addend });
  }
}
