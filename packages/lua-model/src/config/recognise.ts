/** Names that tell what else a file of weights may be; the first that matches wins. */
const KINDS: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/lora_(up|down|A|B)\b|\.lora\./, 'a LoRA adapter'],
  [/^model\.diffusion_model\./, 'a whole Stable Diffusion checkpoint'],
  [
    /^(time_embed|input_blocks|output_blocks|time_embedding|down_blocks|up_blocks)\./,
    'the UNet of a diffusion model',
  ],
  [/^(double_blocks|single_blocks|joint_blocks|(single_)?transformer_blocks)\./, 'a diffusion transformer'],
  [/^(first_stage_model\.)?((encoder|decoder)\.|(post_)?quant_conv\.)/, 'a VAE'],
  [/^\d+\.(conv\.\d+\.)?(weight|bias)$/, 'a TAESD autoencoder'],
  [/^(text_model|text_projection|encoder\.block)\./, 'a text encoder'],
  [/\b(rdb\d|RDB\d)\b/, 'an ESRGAN upscaler'],
  [/\.(logit_scale|cpb_mlp)\b/, 'a Swin2SR upscaler, whose attention is another'],
  [/\.overlap_attn\.|\.conv_block\.cab\./, 'a HAT upscaler, whose blocks are others'],
];

/** What a file with these tensor names looks like, when it is no network of ours; undefined when nothing tells. */
export function otherKind(names: readonly string[]): string | undefined {
  if (names.some((name) => /(^|\/)latent$/.test(name))) return 'a latent, not a model';
  return KINDS.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
}

/** The prefix that all tensors of a network of ours have in front of their names (`net_g.`), if so. */
export function commonPrefix(names: readonly string[]): string | undefined {
  const marker = 'conv_first.weight';
  const found = names.find((name) => name.endsWith(`.${marker}`));
  return found?.slice(0, -marker.length);
}
