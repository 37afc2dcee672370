import { chain, Module, ModuleList, type Tensor } from '@lua-webgpu/tensor';
import type { RunBlock } from '../../run-block.ts';
import { AttentionBlock } from './attention.ts';
import type { KlConfig } from './config.ts';
import { ResnetBlock } from './resnet-block.ts';

/** ResNet block, attention where the configuration has it, ResNet block, at the resolution of the latent. */
export class MidBlock extends Module {
  readonly #resnets: ModuleList<ResnetBlock>;
  readonly #attentions: ModuleList<AttentionBlock>;

  constructor({ block_out_channels, norm_num_groups, mid_block_add_attention }: KlConfig) {
    super();
    const width = block_out_channels.at(-1) as number;
    const resnet = () => new ResnetBlock(width, width, norm_num_groups);
    this.#resnets = new ModuleList([resnet(), resnet()]);
    this.#attentions = new ModuleList(
      mid_block_add_attention ? [new AttentionBlock(width, norm_num_groups)] : [],
    );
  }

  override members() {
    return { attentions: this.#attentions, resnets: this.#resnets };
  }

  forward(x: Tensor, run: RunBlock): Tensor {
    const [first, second] = this.#resnets.items as [ResnetBlock, ResnetBlock];
    const blocks = [first, ...this.#attentions.items, second];
    return chain(
      x,
      blocks.map((block) => (input) => run(block, input)),
    );
  }
}
