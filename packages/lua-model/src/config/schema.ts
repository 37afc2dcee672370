import * as z from 'zod';

/**
 * The two layouts of configuration files, field by field. What fields have to do with each other is in relations.ts.
 * Every schema carries one phrase that completes 'x is …, expected'.
 */

/** The version of the layouts below that `format_version` states. */
export const FORMAT_VERSION = 1;

function whole(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return z.int(expected).min(min, expected).max(max, expected);
}

function positive(max: number) {
  const expected = `a number above 0, up to ${max}`;
  return z.number(expected).positive(expected).max(max, expected);
}

function perLayer(max: number) {
  const expected = 'a list with one whole number per layer, of 1 to 256 layers';
  return z.array(whole(1, max), expected).min(1, expected).max(256, expected);
}

function oneOf<const T extends readonly string[]>(...values: T) {
  return z.enum(values, `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`);
}

const width = whole(1, 16384);
const channels = whole(1, 1024);
const side = whole(1, 65536);
const sides = 'a side, or [height, width]';
const flag = z.boolean('true or false');

/** Options of PyTorch's class that have one value here. Other values are refused with this reason. */
export const fixedFields = {
  patch_size: { value: 1, why: 'every latent pixel is a token' },
  qkv_bias: { value: true, why: 'query, key and value have biases' },
  ape: { value: false, why: 'there is no absolute position embedding' },
  patch_norm: { value: true, why: 'the embedding is normalised' },
  drop_rate: { value: 0, why: 'there is no dropout' },
  attn_drop_rate: { value: 0, why: 'there is no dropout' },
  drop_path_rate: { value: 0.1, why: 'stochastic depth, in training alone, rises to 0.1' },
} as const;

const trunk = {
  format_version: z.int('1').min(FORMAT_VERSION, '1').max(FORMAT_VERSION, '1').optional(),
  img_size: z
    .preprocess((size) => (typeof size === 'number' ? [size, size] : size), z.tuple([side, side], sides))
    .default([64, 64]),
  window_size: whole(1, 16),
  img_range: positive(65536).default(1),
  mean: z.array(z.number('a number'), 'a list of numbers, one per input channel').optional(),
  depths: perLayer(256),
  embed_dim: width,
  num_heads: perLayer(16384),
  mlp_ratio: positive(64),
  resi_connection: oneOf('1conv', '3conv').default('1conv'),
  qk_scale: z.number('null').nullable().optional(),
  patch_size: z.literal(fixedFields.patch_size.value).optional(),
  qkv_bias: z.literal(fixedFields.qkv_bias.value).optional(),
  ape: z.literal(fixedFields.ape.value).optional(),
  patch_norm: z.literal(fixedFields.patch_norm.value).optional(),
  drop_rate: z.literal(fixedFields.drop_rate.value).optional(),
  attn_drop_rate: z.literal(fixedFields.attn_drop_rate.value).optional(),
  drop_path_rate: z.literal(fixedFields.drop_path_rate.value).optional(),
  use_checkpoint: flag.optional(),
};

const headName = 'a name of letters, digits, _ and -';

const head = z.strictObject(
  {
    name: z.string(headName).regex(/^[A-Za-z0-9_-]{1,64}$/, headName),
    scale: whole(1, 16),
    out_chans: channels.optional(),
    primary: flag.optional(),
    upsampler: z.literal('pixelshuffle', '"pixelshuffle"').optional(),
    num_feat: width.optional(),
  },
  'an object {name, scale, out_chans}',
);

const headList = 'a list of {name, scale, out_chans}';

/** The released model's layout: one entry of `heads` per scale. */
export const lua = z.strictObject(
  {
    ...trunk,
    in_chans: channels,
    head_num_feat: width.default(64),
    heads: z.array(head, headList).min(1, headList).max(16, headList),
    primary_head: z.string(headName).optional(),
    use_sdpa: flag.optional(),
  },
  'an object',
);

/** The layout of SwinIR's own options: one `upsampler` with its `upscale`. */
export const swinir = z.strictObject(
  {
    ...trunk,
    in_chans: channels.default(3),
    upsampler: z.preprocess(
      (name) => (name === null ? '' : name),
      oneOf('pixelshuffle', 'pixelshuffledirect', 'nearest+conv', ''),
    ),
    upscale: whole(1, 16).optional(),
    num_feat: width.default(64),
  },
  'an object',
);

/** Keys by where they stand: '' for the config itself, 'heads' for an entry of `heads`. */
export const keysOf = {
  lua: { '': Object.keys(lua.shape), heads: Object.keys(head.shape) },
  swinir: { '': Object.keys(swinir.shape), heads: [] },
} as const;

export type LuaFile = z.infer<typeof lua>;
export type SwinirFile = z.infer<typeof swinir>;
