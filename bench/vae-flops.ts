import {
  AutoencoderKL,
  AutoencoderTiny,
  type KlConfig,
  type TinyConfig,
  type Vae,
} from '@lua-webgpu/lua-model';

/** Floating-point operations of one side² image: multiply-adds of convolutions and attention, twice. */
export function vaeFlops(vae: Vae, part: 'encode' | 'decode', side: number): number {
  const pixels = side * side;
  if (vae instanceof AutoencoderTiny) return 2 * pixels * tinyPerPixel(vae.config, part);
  if (!(vae instanceof AutoencoderKL)) throw new TypeError(`unknown ${vae.kind}`);
  const width = vae.config.block_out_channels.at(-1) as number;
  const tokens = pixels / vae.stride ** 2;
  return 2 * (pixels * klPerPixel(vae.config, part) + 2 * tokens * tokens * width);
}

/** Multiply-adds per image pixel. */
function tinyPerPixel({ width, latentChannels, ...blocks }: TinyConfig, part: 'encode' | 'decode'): number {
  const counts = part === 'encode' ? blocks.encoderBlocks : blocks.decoderBlocks.toReversed();
  const levels = counts.map((count, level) => {
    // The convolution between two resolutions works at the finer of them in the decoder, at the coarser in the encoder.
    const step = part === 'encode' ? level > 0 : level < counts.length - 1;
    return (9 * width * width * (3 * count + (step ? 1 : 0))) / 4 ** level;
  });
  const ends = 9 * width * (3 + latentChannels / 4 ** (counts.length - 1));
  return levels.reduce((sum, each) => sum + each, ends);
}

function klPerPixel(config: KlConfig, part: 'encode' | 'decode'): number {
  const { block_out_channels: widths, layers_per_block, latent_channels } = config;
  const resnet = (a: number, b: number) => 9 * b * (a + b) + (a === b ? 0 : a * b);
  const last = widths.at(-1) as number;
  const bottom = 4 ** (widths.length - 1);
  let sum = (2 * resnet(last, last) + 4 * last * last) / bottom;
  for (const [level, width] of widths.entries()) {
    const before = (part === 'decode' ? widths[level + 1] : widths[level - 1]) ?? width;
    const blocks = layers_per_block + (part === 'decode' ? 1 : 0);
    sum += (resnet(before, width) + (blocks - 1) * resnet(width, width)) / 4 ** level;
    if (part === 'decode' && level < widths.length - 1) sum += (9 * before * before) / 4 ** level;
    if (part === 'encode' && level > 0) sum += (9 * before * before) / 4 ** level;
  }
  const moments = part === 'encode' ? 2 * latent_channels : latent_channels;
  return sum + 27 * (widths[0] as number) + (9 * last * moments) / bottom;
}
