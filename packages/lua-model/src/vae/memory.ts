import { conv2dScratchBytes } from '@lua-webgpu/kernels';
import { scoresAtOnce } from './kl/attention.ts';
import { AutoencoderKL } from './kl/autoencoder-kl.ts';
import type { KlConfig } from './kl/config.ts';
import { AutoencoderTiny } from './tiny/autoencoder-tiny.ts';
import type { Vae, VaePart } from './vae.ts';

/** What is held at once inside a ResNet block, in channels: the widest of its moments. */
const resnetChannels = (input: number, output: number) =>
  // Its input with the normalised map and that behind SiLU; with the operand and result of the first convolution; with
  // the result, the shortcut and their sum.
  Math.max(3 * input, 2 * input + output, input + 3 * output);

/** Floats per image pixel that a whole run of an AutoencoderKL holds at its widest. */
function klFloats({ block_out_channels: widths }: KlConfig, part: VaePart): number {
  const levels = widths.map((width, level) => {
    const before = part === 'decoder' ? widths[level + 1] : widths[level - 1];
    const resnets = Math.max(resnetChannels(before ?? width, width), resnetChannels(width, width));
    // A decoder's level begins with the map of the coarser one, enlarged, and its convolution.
    const enlarged = part === 'decoder' && before !== undefined ? 2.25 * before : 0;
    return Math.max(resnets, enlarged) / 4 ** level;
  });
  // The attention: its input, the normalised map, queries (twice), keys (twice), values and results.
  const attention = (8 * (widths.at(-1) ?? 0)) / 4 ** (widths.length - 1);
  return Math.max(...levels, attention) + 8;
}

/** Upper estimate of the device memory that a whole run takes beside the weights, in bytes, for so many image pixels. */
export function wholeBytes(vae: Vae, part: VaePart, pixels: number): number {
  const floats =
    vae instanceof AutoencoderKL
      ? klFloats(vae.config, part)
      : vae instanceof AutoencoderTiny
        ? 3 * vae.config.width + 8
        : 0;
  const scores = vae instanceof AutoencoderKL ? scoreBytes(vae, pixels) : 0;
  // The pool rounds sizes up by at most 1/8.
  return 1.125 * (4 * floats * pixels + scores + scratchBytes(vae, pixels));
}

/** What the convolution that takes most takes for itself, at a resolution with so many pixels in the image. */
function scratchBytes(vae: Vae, pixels: number): number {
  if (vae instanceof AutoencoderTiny) {
    const { width } = vae.config;
    return conv2dScratchBytes({ cin: width, cout: width, pixels });
  }
  if (!(vae instanceof AutoencoderKL)) return 0;
  const { block_out_channels: widths } = vae.config;
  const levels = widths.map((width, level) => {
    const cin = Math.max(width, widths[level + 1] ?? 0);
    return conv2dScratchBytes({ cin, cout: cin, pixels: pixels / 4 ** level });
  });
  return Math.max(...levels);
}

/** Scores of the attention, and their softmax. */
function scoreBytes({ stride }: Vae, pixels: number): number {
  return 8 * Math.min(scoresAtOnce, (pixels / stride ** 2) ** 2);
}

/** The largest map of a whole run, in bytes. */
export function largestMapBytes(vae: Vae, part: VaePart, pixels: number): number {
  if (vae instanceof AutoencoderTiny) return 4 * vae.config.width * pixels;
  if (!(vae instanceof AutoencoderKL)) return 0;
  const { block_out_channels: widths } = vae.config;
  const maps = widths.map((width, level) => {
    const before = part === 'decoder' ? (widths[level + 1] ?? 0) : 0;
    return Math.max(width, before) / 4 ** level;
  });
  return 4 * Math.max(...maps) * pixels;
}

/** How an AutoencoderKL runs in bands. */
export interface BandPlan {
  /** Rows of a band, in latent pixels. */
  readonly rows: number;
  readonly keepEnlarged: boolean;
}

/** As `wholeBytes`, in bands: the widest map that is kept, and what a band takes. */
export function bandBytes(
  vae: AutoencoderKL,
  part: VaePart,
  { width, pixels }: { readonly width: number; readonly pixels: number },
  { rows, keepEnlarged }: BandPlan,
): number {
  const { block_out_channels: widths } = vae.config;
  let kept = 0;
  let working = 0;
  for (const [level, channels] of widths.entries()) {
    const before = (part === 'decoder' ? widths[level + 1] : widths[level - 1]) ?? channels;
    const enlarged = part === 'decoder' && level < widths.length - 1;
    kept = Math.max(kept, (enlarged && !keepEnlarged ? channels : Math.max(channels, before)) / 4 ** level);
    const side = 2 ** level;
    // Two rows more on either side of a band, and where it is enlarged anew the map that it is enlarged to.
    const area = ((rows * vae.stride) / side + 4) * (width / side);
    const moment =
      resnetChannels(before, channels) + before + (enlarged && !keepEnlarged ? 2.25 * before : 0);
    working = Math.max(working, area * moment);
  }
  const latentLevel = (8 * (widths.at(-1) ?? 0)) / vae.stride ** 2;
  const floats = pixels * (Math.max(kept, latentLevel) + 8) + working;
  return 1.125 * (4 * floats + scoreBytes(vae, pixels) + scratchBytes(vae, pixels));
}
