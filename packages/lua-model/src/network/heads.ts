import {
  Conv2d,
  chain,
  Group,
  Module,
  paddedChannels,
  pixelShuffle,
  plainChannels,
  scoped,
  shuffledChannels,
  type Tensor,
  upsampleNearest2d,
} from '@lua-webgpu/tensor';
import { type HeadConfig, type LuaConfig, shuffleFactors } from '../config/index.ts';

/** From the trunk's features [B, H, W, embed_dim] to [B, s·H, s·W, out_chans padded to 4]. */
export interface Head extends Module {
  forward(features: Tensor): Tensor;
}

const beforeUpsampling = { kind: 'leaky-relu', slope: 0.01 } as const;
const betweenConvolutions = { kind: 'leaky-relu', slope: 0.2 } as const;

/** One step of sub-pixel convolution: widen by r², then shuffle. */
class SubPixelConv extends Conv2d {
  readonly #factor: number;

  constructor(input: number, output: number, factor: number, inputIsPadded: boolean) {
    super(inputIsPadded ? paddedChannels(input) : plainChannels(input), shuffledChannels(output, factor));
    this.#factor = factor;
  }

  override forward(x: Tensor): Tensor {
    return scoped(x, (input) => pixelShuffle(super.forward(input), { factor: this.#factor, order: 'block' }));
  }
}

/** LUA's head and SwinIR's 'pixelshuffle': convolution, LeakyReLU 0.01, steps of sub-pixel convolution, convolution. */
class PixelShuffleHead extends Module implements Head {
  readonly #first: Conv2d;
  readonly #steps: readonly SubPixelConv[];
  readonly #last: Conv2d;
  readonly #firstName: string;

  constructor(config: LuaConfig, head: HeadConfig) {
    super();
    const features = config.head_num_feat;
    this.#first = new Conv2d(plainChannels(config.embed_dim), paddedChannels(features));
    this.#steps = shuffleFactors(head.scale).map(
      (factor) => new SubPixelConv(features, features, factor, true),
    );
    this.#last = new Conv2d(paddedChannels(features), paddedChannels(head.out_chans));
    this.#firstName = config.names === 'lua' ? 'conv_before' : 'conv_before_upsample';
  }

  /** Every second place of `upsample` is a shuffle in the checkpoint's Sequential. */
  override members() {
    return {
      [this.#firstName]: new Group({ 0: this.#first }),
      upsample: new Group(Object.fromEntries(this.#steps.map((step, i) => [2 * i, step]))),
      conv_last: this.#last,
    };
  }

  forward(features: Tensor): Tensor {
    return chain(features, [
      (x) => this.#first.forward(x, beforeUpsampling),
      ...this.#steps.map((step) => (x: Tensor) => step.forward(x)),
      (x) => this.#last.forward(x),
    ]);
  }
}

/** SwinIR's 'pixelshuffledirect': one sub-pixel convolution straight to the output channels. */
class DirectHead extends Module implements Head {
  readonly #step: SubPixelConv;

  constructor(config: LuaConfig, head: HeadConfig) {
    super();
    this.#step = new SubPixelConv(config.embed_dim, head.out_chans, head.scale, false);
  }

  override members() {
    return { upsample: new Group({ 0: this.#step }) };
  }

  forward(features: Tensor): Tensor {
    return this.#step.forward(features);
  }
}

/** SwinIR's 'nearest+conv' (real-world super-resolution): nearest ×2 and a convolution, once or twice. */
class NearestConvHead extends Module implements Head {
  readonly #first: Conv2d;
  readonly #ups: readonly Conv2d[];
  readonly #hr: Conv2d;
  readonly #last: Conv2d;

  constructor(config: LuaConfig, head: HeadConfig) {
    super();
    const inner = paddedChannels(config.head_num_feat);
    this.#first = new Conv2d(plainChannels(config.embed_dim), inner);
    this.#ups = Array.from({ length: Math.log2(head.scale) }, () => new Conv2d(inner, inner));
    this.#hr = new Conv2d(inner, inner);
    this.#last = new Conv2d(inner, paddedChannels(head.out_chans));
  }

  override members() {
    return {
      conv_before_upsample: new Group({ 0: this.#first }),
      ...Object.fromEntries(this.#ups.map((up, i) => [`conv_up${i + 1}`, up])),
      conv_hr: this.#hr,
      conv_last: this.#last,
    };
  }

  forward(features: Tensor): Tensor {
    const up = (conv: Conv2d) => (x: Tensor) =>
      scoped(x, (input) => conv.forward(upsampleNearest2d(input, { factor: 2 }), betweenConvolutions));
    return chain(features, [
      (x) => this.#first.forward(x, beforeUpsampling),
      ...this.#ups.map(up),
      (x) => this.#hr.forward(x, betweenConvolutions),
      (x) => this.#last.forward(x),
    ]);
  }
}

/** SwinIR without upsampler: the residual of a restored image of the same size. */
class RestorationHead extends Module implements Head {
  readonly #last: Conv2d;

  constructor(config: LuaConfig, head: HeadConfig) {
    super();
    this.#last = new Conv2d(plainChannels(config.embed_dim), paddedChannels(head.out_chans));
  }

  override members() {
    return { conv_last: this.#last };
  }

  forward(features: Tensor): Tensor {
    return this.#last.forward(features);
  }
}

export function createHead(config: LuaConfig, head: HeadConfig): Head {
  switch (head.upsampler) {
    case 'pixelshuffle':
      return new PixelShuffleHead(config, head);
    case 'pixelshuffledirect':
      return new DirectHead(config, head);
    case 'nearest+conv':
      return new NearestConvHead(config, head);
    case '':
      return new RestorationHead(config, head);
  }
}
