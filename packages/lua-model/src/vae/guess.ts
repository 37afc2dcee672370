import { FileError } from '@lua-webgpu/kernels';
import type { KlConfig } from './kl/config.ts';
import type { TinyConfig } from './tiny/autoencoder-tiny.ts';

/** Shapes by the names of the module tree. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/**
 * The configuration of an AutoencoderKL from names and shapes alone. These do not tell the number of groups: it is 32, as
 * in all published ones.
 *
 * @throws FileError `vae-unrecognised`
 */
export function guessKl(shapes: Shapes, source: string): KlConfig {
  const down = count(shapes, (i) => `encoder.down_blocks.${i}.resnets.0.conv1.weight`);
  const up = count(shapes, (i) => `decoder.up_blocks.${i}.resnets.0.conv1.weight`);
  const side = (name: string, axis: number) => sizeAt(shapes, name, axis, source);
  const widths = Array.from({ length: down || up }, (_, i) =>
    down > 0
      ? side(`encoder.down_blocks.${i}.resnets.0.conv1.weight`, 0)
      : side(`decoder.up_blocks.${up - 1 - i}.resnets.0.conv1.weight`, 0),
  );
  const layers =
    down > 0
      ? count(shapes, (i) => `encoder.down_blocks.0.resnets.${i}.conv1.weight`)
      : count(shapes, (i) => `decoder.up_blocks.0.resnets.${i}.conv1.weight`) - 1;
  if (widths.length === 0 || layers < 1) refuse(source, 'there are no ResNet blocks where they should be');
  const groups = 32;
  const odd = widths.find((width) => width % groups !== 0);
  if (odd !== undefined) refuse(source, `${odd} channels do not make ${groups} groups`);
  return {
    block_out_channels: widths,
    layers_per_block: layers,
    latent_channels: up > 0 ? side('decoder.conv_in.weight', 1) : side('encoder.conv_out.weight', 0) / 2,
    norm_num_groups: groups,
    mid_block_add_attention: [...shapes.keys()].some((name) => name.includes('.mid_block.attentions.')),
    use_quant_conv: shapes.has('quant_conv.weight'),
    use_post_quant_conv: shapes.has('post_quant_conv.weight'),
  };
}

/** As `guessKl`, of an AutoencoderTiny. */
export function guessTiny(shapes: Shapes, source: string): TinyConfig {
  const encoderBlocks = stagesOf(shapes, 'encoder');
  const decoderBlocks = stagesOf(shapes, 'decoder');
  const part = decoderBlocks.length > 0 ? 'decoder' : 'encoder';
  if (encoderBlocks.length + decoderBlocks.length === 0) refuse(source, 'there are no layers');
  const last = Math.max(...convolutions(shapes, 'encoder'));
  return {
    width: sizeAt(shapes, `${part}.layers.0.weight`, 0, source),
    latentChannels:
      part === 'decoder'
        ? sizeAt(shapes, 'decoder.layers.0.weight', 1, source)
        : sizeAt(shapes, `encoder.layers.${last}.weight`, 0, source),
    // One that is absent has as many stages as the other, which is all that matters of it.
    encoderBlocks: encoderBlocks.length > 0 ? encoderBlocks : decoderBlocks.toReversed(),
    decoderBlocks: decoderBlocks.length > 0 ? decoderBlocks : encoderBlocks.toReversed(),
  };
}

function convolutions(shapes: Shapes, part: 'encoder' | 'decoder'): number[] {
  const pattern = new RegExp(`^${part}\\.layers\\.(\\d+)\\.weight$`);
  return [...shapes.keys()].flatMap((name) => pattern.exec(name)?.[1] ?? []).map(Number);
}

/** Blocks between each convolution and the next: the first opens the first stage, the last closes the last. */
function stagesOf(shapes: Shapes, part: 'encoder' | 'decoder'): number[] {
  const bounds = convolutions(shapes, part).sort((a, b) => a - b);
  return bounds.slice(1).map((end, i) => {
    const begin = bounds[i] as number;
    const indices = Array.from({ length: end - begin - 1 }, (_, k) => begin + 1 + k);
    return indices.filter((index) => shapes.has(`${part}.layers.${index}.conv.0.weight`)).length;
  });
}

/** How many of the names for 0, 1, 2, … there are without a gap. */
function count(shapes: Shapes, name: (index: number) => string): number {
  let n = 0;
  while (shapes.has(name(n))) n++;
  return n;
}

function sizeAt(shapes: Shapes, name: string, axis: number, source: string): number {
  const shape = shapes.get(name);
  if (shape === undefined) refuse(source, `${name} is missing`);
  const size = shape[axis];
  if (shape.length !== 4 || size === undefined || size < 1)
    refuse(source, `${name} is [${shape.join(', ')}]`);
  return size;
}

function refuse(source: string, reason: string): never {
  throw new FileError(
    'vae-unrecognised',
    `${source}: not the weights of an image VAE that is known here: ${reason}`,
    'AutoencoderKL (Stable Diffusion, SDXL, SD3, FLUX.1) and TAESD are; pass such weights.',
  );
}
