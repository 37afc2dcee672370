import type { Activation, Padding } from '@lua-webgpu/kernels';
import type { Tensor } from '../core/index.ts';
import { conv2d, groupNorm, layerNorm, matmul } from '../ops/index.ts';
import { Module, Parameter } from './module.ts';
import { type ChannelMap, convPacking, linearPacking, plainChannels, vectorPacking } from './packing.ts';
import { truncatedNormal, uniform } from './random.ts';

const zeros = (_seed: number, _name: string, count: number) => new Float32Array(count);
const ones = (_seed: number, _name: string, count: number) => new Float32Array(count).fill(1);

export interface LinearOptions {
  readonly activation?: Activation;
  /** Added before the activation, [..., out]: the input of a residual block to its last layer. */
  readonly addend?: Tensor | undefined;
}

/** y = activation(x · Wᵀ + b + addend) over the last axis. Weights start truncated normal (std 0.02), biases 0. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(input: ChannelMap, output: ChannelMap) {
    super();
    this.weight = new Parameter(linearPacking(input, output), (seed, name, count) =>
      truncatedNormal(seed, name, count, 0.02),
    );
    this.bias = new Parameter(vectorPacking(output), zeros);
  }

  override members() {
    return { weight: this.weight, bias: this.bias };
  }

  /** x [..., in] → [..., out] */
  forward(x: Tensor, options: LinearOptions = {}): Tensor {
    return matmul(x, this.weight.tensor, { bias: this.bias.tensor, ...options });
  }
}

export interface Conv2dOptions {
  /** 1 by default. */
  readonly stride?: 1 | 2;
  /** Zeros around x; by default as many as keep the size at stride 1. */
  readonly padding?: number | Padding;
  /** true by default. */
  readonly bias?: boolean;
}

/** A square convolution. Starts as PyTorch's (Kaiming uniform, a = √5). */
export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly #stride: 1 | 2;
  readonly #padding: number | Padding;

  constructor(input: ChannelMap, output: ChannelMap, kernel: 1 | 3 = 3, options: Conv2dOptions = {}) {
    super();
    const { stride = 1, padding = (kernel - 1) / 2, bias = true } = options;
    const bound = 1 / Math.sqrt(input.logical * kernel * kernel);
    const initialize = (seed: number, name: string, count: number) => uniform(seed, name, count, bound);
    this.weight = new Parameter(convPacking(input, output, kernel), initialize);
    this.bias = bias ? new Parameter(vectorPacking(output), initialize) : undefined;
    this.#stride = stride;
    this.#padding = padding;
  }

  override members() {
    return { weight: this.weight, ...(this.bias && { bias: this.bias }) };
  }

  /** x [B, H, W, in] → [B, Ho, Wo, out] */
  forward(x: Tensor, activation?: Activation): Tensor {
    return conv2d(x, this.weight.tensor, {
      bias: this.bias?.tensor,
      stride: this.#stride,
      padding: this.#padding,
      ...(activation && { activation }),
    });
  }
}

/** Normalisation over the last axis, eps 1e-5; weight 1 and bias 0 at the start. */
export class LayerNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(channels: ChannelMap) {
    super();
    this.weight = new Parameter(vectorPacking(channels), ones);
    this.bias = new Parameter(vectorPacking(channels), zeros);
  }

  override members() {
    return { weight: this.weight, bias: this.bias };
  }

  /** x [..., C] → [..., C] */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.tensor, this.bias.tensor);
  }
}

/** Normalisation over the pixels and channels of each of `groups` groups of neighbours; weight 1 and bias 0 at the start. */
export class GroupNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly groups: number;
  readonly eps: number;

  constructor(channels: number, options: { groups: number; eps?: number }) {
    super();
    this.weight = new Parameter(vectorPacking(plainChannels(channels)), ones);
    this.bias = new Parameter(vectorPacking(plainChannels(channels)), zeros);
    this.groups = options.groups;
    this.eps = options.eps ?? 1e-5;
  }

  override members() {
    return { weight: this.weight, bias: this.bias };
  }

  /** x [B, …, C] → [B, …, C] */
  forward(x: Tensor): Tensor {
    return groupNorm(x, this.weight.tensor, this.bias.tensor, { groups: this.groups, eps: this.eps });
  }
}
