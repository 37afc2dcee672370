/** What decides the shape of an AutoencoderKL, with diffusers' field names. */
export interface KlConfig {
  readonly latent_channels: number;
  /** Widths from the resolution of the image down. */
  readonly block_out_channels: readonly number[];
  /** ResNet blocks at each resolution of the encoder; the decoder has one more. */
  readonly layers_per_block: number;
  readonly norm_num_groups: number;
  readonly mid_block_add_attention: boolean;
  readonly use_quant_conv: boolean;
  readonly use_post_quant_conv: boolean;
}
