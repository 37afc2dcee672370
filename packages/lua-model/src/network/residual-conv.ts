import { Conv2d, Module, paddedChannels, plainChannels, type Tensor } from '@lua-webgpu/tensor';

/** The convolution at the end of a residual group: one 3×3, or the '3conv' bottleneck 3×3 → 1×1 → 3×3 over dim / 4. */
export interface ResidualConv extends Module {
  /** x [B, H, W, dim] → the same shape. */
  forward(x: Tensor): Tensor;
}

const leaky = { kind: 'leaky-relu', slope: 0.2 } as const;

class BottleneckConv extends Module implements ResidualConv {
  readonly #convs: readonly [Conv2d, Conv2d, Conv2d];

  constructor(dim: number) {
    super();
    const outer = plainChannels(dim);
    const inner = paddedChannels(Math.floor(dim / 4));
    this.#convs = [new Conv2d(outer, inner), new Conv2d(inner, inner, 1), new Conv2d(inner, outer)];
  }

  /** 1 and 3 are the activations of the checkpoint's Sequential. */
  override members() {
    const [first, second, third] = this.#convs;
    return { 0: first, 2: second, 4: third };
  }

  forward(x: Tensor): Tensor {
    const [first, second, third] = this.#convs;
    return third.forward(second.forward(first.forward(x, leaky), leaky));
  }
}

export function residualConv(dim: number, kind: '1conv' | '3conv'): ResidualConv {
  return kind === '1conv' ? new Conv2d(plainChannels(dim), plainChannels(dim)) : new BottleneckConv(dim);
}
