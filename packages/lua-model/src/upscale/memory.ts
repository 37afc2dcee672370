import { conv2dScratchBytes } from '@lua-webgpu/kernels';
import type { LuaConfig } from '../config/index.ts';

/**
 * Upper estimate of the device memory that one forward takes beside the weights, in bytes: the widest moment of the
 * trunk (a block's input, its qkv, and what norms and residuals hold) or of the largest head (a sub-pixel
 * convolution's input, output and shuffled output), with the features that later heads still need, and what the largest
 * convolution needs for itself.
 *
 * @param area padded latent pixels times the batch
 */
export function forwardBytes(config: LuaConfig, area: number, scales: readonly number[]): number {
  const { embed_dim: dim, mlp_ratio } = config;
  const heads = Math.max(...config.num_heads);
  const attention = 4 * heads * Math.ceil(dim / heads / 4) * 4;
  const trunk = 5 * dim + Math.max(attention, mlp_ratio * dim);
  const chosen = config.heads.filter(({ scale }) => scales.includes(scale));
  const widest = chosen.map(({ scale, upsampler, out_chans }) =>
    upsampler === 'pixelshuffledirect'
      ? 2 * scale * scale * Math.ceil(out_chans / 4) * 4
      : 2 * scale * scale * config.head_num_feat + scale * scale * (config.head_num_feat / 4),
  );
  const features = config.head_num_feat;
  const scratch = chosen.map(({ scale, out_chans }) =>
    Math.max(
      conv2dScratchBytes({ cin: dim, cout: Math.max(dim, features), pixels: area }),
      conv2dScratchBytes({ cin: features, cout: 4 * features, pixels: (area * scale * scale) / 4 }),
      conv2dScratchBytes({ cin: features, cout: out_chans, pixels: area * scale * scale }),
    ),
  );
  // The pool rounds sizes up by at most 1/8.
  return 1.125 * (4 * area * (2 * dim + Math.max(trunk, ...widest)) + Math.max(...scratch));
}
