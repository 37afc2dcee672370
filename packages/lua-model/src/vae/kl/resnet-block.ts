import {
  add,
  Conv2d,
  chain,
  GroupNorm,
  Module,
  plainChannels,
  scoped,
  silu,
  type Tensor,
} from '@lua-webgpu/tensor';

/** Of every normalisation of an AutoencoderKL. */
export const eps = 1e-6;

/** x + conv2(silu(norm2(conv1(silu(norm1(x)))))), x through a 1×1 convolution where the widths differ. */
export class ResnetBlock extends Module {
  readonly norm1: GroupNorm;
  readonly conv1: Conv2d;
  readonly norm2: GroupNorm;
  readonly conv2: Conv2d;
  readonly shortcut: Conv2d | undefined;

  constructor(input: number, output: number, groups: number) {
    super();
    this.norm1 = new GroupNorm(input, { groups, eps });
    this.conv1 = new Conv2d(plainChannels(input), plainChannels(output));
    this.norm2 = new GroupNorm(output, { groups, eps });
    this.conv2 = new Conv2d(plainChannels(output), plainChannels(output));
    this.shortcut = input === output ? undefined : new Conv2d(plainChannels(input), plainChannels(output), 1);
  }

  override members() {
    const { norm1, conv1, norm2, conv2, shortcut } = this;
    return { norm1, conv1, norm2, conv2, ...(shortcut && { conv_shortcut: shortcut }) };
  }

  /** x [B, H, W, input] → [B, H, W, output] */
  forward(x: Tensor): Tensor {
    return scoped(x, (input) => {
      const hidden = chain(input, [
        (h) => this.norm1.forward(h),
        silu,
        (h) => this.conv1.forward(h),
        (h) => this.norm2.forward(h),
        silu,
        (h) => this.conv2.forward(h),
      ]);
      return add(hidden, this.shortcut ? this.shortcut.forward(input) : input);
    });
  }
}
