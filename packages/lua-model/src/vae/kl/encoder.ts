import {
  Conv2d,
  chain,
  Group,
  GroupNorm,
  Module,
  ModuleList,
  paddedChannels,
  plainChannels,
  silu,
  type Tensor,
} from '@lua-webgpu/tensor';
import type { RunBlock } from '../../run-block.ts';
import type { KlConfig } from './config.ts';
import { MidBlock } from './mid-block.ts';
import { eps, ResnetBlock } from './resnet-block.ts';

/** ResNet blocks at one resolution, then a convolution of stride 2 but for the last. */
export class DownBlock extends Module {
  readonly resnets: ModuleList<ResnetBlock>;
  readonly downsampler: Conv2d | undefined;

  constructor(input: number, output: number, { layers_per_block, norm_num_groups }: KlConfig, last: boolean) {
    super();
    this.resnets = new ModuleList(
      Array.from(
        { length: layers_per_block },
        (_, i) => new ResnetBlock(i === 0 ? input : output, output, norm_num_groups),
      ),
    );
    const width = plainChannels(output);
    // Zeros below and to the right alone, as the original.
    const padding = { top: 0, bottom: 1, left: 0, right: 1 };
    this.downsampler = last ? undefined : new Conv2d(width, width, 3, { stride: 2, padding });
  }

  override members() {
    const { resnets, downsampler } = this;
    return {
      resnets,
      ...(downsampler && { downsamplers: new Group({ 0: new Group({ conv: downsampler }) }) }),
    };
  }
}

/** From an image in [−1, 1] to the moments of the posterior. */
export class Encoder extends Module {
  readonly convIn: Conv2d;
  readonly downBlocks: ModuleList<DownBlock>;
  readonly midBlock: MidBlock;
  readonly normOut: GroupNorm;
  readonly convOut: Conv2d;

  constructor(config: KlConfig) {
    super();
    const { block_out_channels: widths, latent_channels, norm_num_groups: groups } = config;
    const [first, last] = [widths[0] as number, widths.at(-1) as number];
    this.convIn = new Conv2d(paddedChannels(3), plainChannels(first));
    this.downBlocks = new ModuleList(
      widths.map((width, i) => new DownBlock(widths[i - 1] ?? first, width, config, i === widths.length - 1)),
    );
    this.midBlock = new MidBlock(config);
    this.normOut = new GroupNorm(last, { groups, eps });
    this.convOut = new Conv2d(plainChannels(last), plainChannels(2 * latent_channels));
  }

  override members() {
    return {
      conv_in: this.convIn,
      down_blocks: this.downBlocks,
      mid_block: this.midBlock,
      conv_norm_out: this.normOut,
      conv_out: this.convOut,
    };
  }

  /** x [B, H, W, 3 padded to 4] → [B, h, w, 2 · latent_channels], means and log variances. */
  forward(x: Tensor, run: RunBlock): Tensor {
    return chain(x, [
      (image) => this.convIn.forward(image),
      ...this.downBlocks.items.flatMap(({ resnets, downsampler }) => [
        ...resnets.items.map((block) => (h: Tensor) => run(block, h)),
        ...(downsampler ? [(h: Tensor) => downsampler.forward(h)] : []),
      ]),
      (h) => this.finish(h, run),
    ]);
  }

  /** What follows the down blocks, at the resolution of the latent. */
  finish(x: Tensor, run: RunBlock): Tensor {
    return chain(x, [
      (h) => this.midBlock.forward(h, run),
      (h) => this.normOut.forward(h),
      silu,
      (h) => this.convOut.forward(h),
    ]);
  }
}
