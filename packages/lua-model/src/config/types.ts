/** How a head turns features into a larger image; '' keeps the size (denoising) and adds the input back. */
export type Upsampler = 'pixelshuffle' | 'pixelshuffledirect' | 'nearest+conv' | '';

/** One output of the network. */
export interface HeadConfig {
  /** `heads.<name>` in the state dict of a LUA model; `x<scale>` for an original SwinIR. */
  readonly name: string;
  /** Output side / input side. */
  readonly scale: number;
  readonly out_chans: number;
  readonly upsampler: Upsampler;
  /** The head that is meant when none is named; true for exactly one. */
  readonly primary: boolean;
}

/** What a network computes and how its tensors are called. Field names are those of the released model. */
export interface LuaConfig {
  readonly in_chans: number;
  /** [height, width] that the model was made for: decides only whether windows shift, and the size of `attn_mask`. */
  readonly img_size: readonly [number, number];
  readonly window_size: number;
  /** Inputs are multiplied by it, outputs divided. */
  readonly img_range: number;
  /** Per input channel, subtracted before and added after (RGB SwinIR); [] for none. */
  readonly mean: readonly number[];
  /** Swin blocks per residual group. */
  readonly depths: readonly number[];
  readonly embed_dim: number;
  /** Attention heads per residual group. */
  readonly num_heads: readonly number[];
  /** Hidden width of the MLP / embed_dim, see {@link mlpHidden}. */
  readonly mlp_ratio: number;
  readonly resi_connection: '1conv' | '3conv';
  /** Channels inside the heads; without meaning for 'pixelshuffledirect' and ''. */
  readonly head_num_feat: number;
  readonly heads: readonly HeadConfig[];
  /** State-dict names of the heads: `heads.x2.…`, or `conv_before_upsample`, `upsample`, `conv_last`. */
  readonly names: 'lua' | 'swinir';
}

/** Mean of the RGB images that SwinIR was trained on, subtracted by every model with three input channels. */
export const RGB_MEAN: readonly number[] = [0.4488, 0.4371, 0.404];

/** The mean that SwinIR and the released LUA model use for so many channels. */
export function meanFor(channels: number): readonly number[] {
  return channels === 3 ? RGB_MEAN : [];
}

/**
 * Side of the attention windows and the cyclic shift of the odd blocks. Where the image that the model was made for is
 * not larger than the window, the window is that image and nothing shifts (as in SwinIR's constructor).
 */
export function windowing(config: LuaConfig): { readonly window: number; readonly shift: number } {
  const smallest = Math.min(...config.img_size);
  if (smallest <= config.window_size) return { window: smallest, shift: 0 };
  return { window: config.window_size, shift: Math.floor(config.window_size / 2) };
}

/** Hidden width of the MLPs: embed_dim · mlp_ratio, cut off to a whole number as Python's int() does. */
export function mlpHidden(config: Pick<LuaConfig, 'embed_dim' | 'mlp_ratio'>): number {
  return Math.trunc(config.embed_dim * config.mlp_ratio);
}

/** The pixel shuffles, one after the other, that make up a scale: [3], or as many 2 as the power has. */
export function shuffleFactors(scale: number): readonly number[] {
  return scale === 3 ? [3] : Array.from({ length: Math.round(Math.log2(scale)) }, () => 2);
}
