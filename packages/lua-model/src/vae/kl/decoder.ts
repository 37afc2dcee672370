import {
  Conv2d,
  chain,
  Group,
  GroupNorm,
  Module,
  ModuleList,
  paddedChannels,
  plainChannels,
  scoped,
  silu,
  type Tensor,
  upsampleNearest2d,
} from '@lua-webgpu/tensor';
import type { RunBlock } from '../../run-block.ts';
import type { KlConfig } from './config.ts';
import { MidBlock } from './mid-block.ts';
import { eps, ResnetBlock } from './resnet-block.ts';

/** Nearest neighbour ×2, then a convolution. */
export class Upsampler extends Module {
  readonly #conv: Conv2d;

  constructor(width: number) {
    super();
    this.#conv = new Conv2d(plainChannels(width), plainChannels(width));
  }

  override members() {
    return { conv: this.#conv };
  }

  /** x [B, H, W, C] → [B, 2H, 2W, C] */
  forward(x: Tensor): Tensor {
    return scoped(x, (input) => this.#conv.forward(upsampleNearest2d(input, { factor: 2 })));
  }
}

/** ResNet blocks at one resolution, then the step to the next but for the last. */
export class UpBlock extends Module {
  readonly resnets: ModuleList<ResnetBlock>;
  readonly upsampler: Upsampler | undefined;

  constructor(input: number, output: number, { layers_per_block, norm_num_groups }: KlConfig, last: boolean) {
    super();
    this.resnets = new ModuleList(
      Array.from(
        { length: layers_per_block + 1 },
        (_, i) => new ResnetBlock(i === 0 ? input : output, output, norm_num_groups),
      ),
    );
    this.upsampler = last ? undefined : new Upsampler(output);
  }

  override members() {
    const { resnets, upsampler } = this;
    return { resnets, ...(upsampler && { upsamplers: new Group({ 0: upsampler }) }) };
  }
}

/** From a latent to an image in [−1, 1]. */
export class Decoder extends Module {
  readonly convIn: Conv2d;
  readonly midBlock: MidBlock;
  readonly upBlocks: ModuleList<UpBlock>;
  readonly normOut: GroupNorm;
  readonly convOut: Conv2d;

  constructor(config: KlConfig) {
    super();
    const { block_out_channels, latent_channels, norm_num_groups: groups } = config;
    const widths = block_out_channels.toReversed();
    const [first, last] = [widths[0] as number, widths.at(-1) as number];
    this.convIn = new Conv2d(plainChannels(latent_channels), plainChannels(first));
    this.midBlock = new MidBlock(config);
    this.upBlocks = new ModuleList(
      widths.map((width, i) => new UpBlock(widths[i - 1] ?? first, width, config, i === widths.length - 1)),
    );
    this.normOut = new GroupNorm(last, { groups, eps });
    this.convOut = new Conv2d(plainChannels(last), paddedChannels(3));
  }

  override members() {
    return {
      conv_in: this.convIn,
      up_blocks: this.upBlocks,
      mid_block: this.midBlock,
      conv_norm_out: this.normOut,
      conv_out: this.convOut,
    };
  }

  /** z [B, h, w, latent_channels] → [B, H, W, 3 padded to 4] */
  forward(z: Tensor, run: RunBlock): Tensor {
    return chain(z, [
      (latent) => this.begin(latent, run),
      ...this.upBlocks.items.flatMap(({ resnets, upsampler }) => [
        ...resnets.items.map((block) => (h: Tensor) => run(block, h)),
        ...(upsampler ? [(h: Tensor) => upsampler.forward(h)] : []),
      ]),
      (h) => this.normOut.forward(h),
      silu,
      (h) => this.convOut.forward(h),
    ]);
  }

  /** What comes before the up blocks, at the resolution of the latent. */
  begin(z: Tensor, run: RunBlock): Tensor {
    return chain(z, [(latent) => this.convIn.forward(latent), (h) => this.midBlock.forward(h, run)]);
  }
}
