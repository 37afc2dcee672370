import { FileError } from '@lua-webgpu/kernels';
import * as z from 'zod';
import { type Problem, problemsOf, refusal } from '../config/index.ts';
import type { KlConfig } from './kl/config.ts';
import type { TinyConfig } from './tiny/autoencoder-tiny.ts';

/** What a diffusers `config.json` says. */
export type VaeConfigFile =
  | {
      readonly kind: 'AutoencoderKL';
      readonly config: KlConfig;
      readonly factors: { readonly scaling: number; readonly shift: number };
    }
  | { readonly kind: 'AutoencoderTiny'; readonly config: TinyConfig };

const whole = (max: number) => {
  const expected = `a whole number from 1 to ${max}`;
  return z.int(expected).min(1, expected).max(max, expected);
};
const listOf = <T extends z.ZodType>(item: T, expected: string) =>
  z.array(item, expected).min(1, expected).max(8, expected);
const flag = z.boolean('true or false');
const widths = listOf(whole(16384), 'a list of widths, one per resolution');
const blockCounts = listOf(whole(64), 'a list of numbers of blocks, one per resolution');

/** Diffusers' fields with diffusers' defaults; those without one here decide too much to be guessed. */
const kl = z.object({
  latent_channels: whole(1024).default(4),
  block_out_channels: widths,
  layers_per_block: whole(64).default(1),
  norm_num_groups: whole(1024).default(32),
  mid_block_add_attention: flag.default(true),
  use_quant_conv: flag.default(true),
  use_post_quant_conv: flag.default(true),
  scaling_factor: z.number('a number').positive('a number above 0').default(0.18215),
  shift_factor: z.number('a number or null').nullable().default(null),
  // Read and without effect: the size of the training images, and float32, which everything is computed in.
  sample_size: z.unknown(),
  force_upcast: z.unknown(),
});

const tiny = z.object({
  latent_channels: whole(1024).default(4),
  encoder_block_out_channels: widths.default([64, 64, 64, 64]),
  decoder_block_out_channels: widths.default([64, 64, 64, 64]),
  num_encoder_blocks: blockCounts.default([1, 3, 3, 3]),
  num_decoder_blocks: blockCounts.default([3, 3, 3, 1]),
  // Read and without effect: a copy of decoder_block_out_channels, and how latents are shown as pictures.
  block_out_channels: z.unknown(),
  latent_magnitude: z.unknown(),
  latent_shift: z.unknown(),
  force_upcast: z.unknown(),
});

/** Fields that have one value here: what another asks for is not computed. */
const fixed = {
  AutoencoderKL: {
    in_channels: 3,
    out_channels: 3,
    act_fn: 'silu',
    down_block_types: 'DownEncoderBlock2D',
    up_block_types: 'UpDecoderBlock2D',
  },
  AutoencoderTiny: {
    in_channels: 3,
    out_channels: 3,
    act_fn: 'relu',
    upsample_fn: 'nearest',
    upsampling_scaling_factor: 2,
    scaling_factor: 1,
    shift_factor: 0,
  },
} as const;

/**
 * Reads a diffusers `config.json`.
 *
 * @throws FileError `config-json`, `config-missing`, `config-type`, `config-range`, and `config-unsupported` for a class,
 * a value or a field that asks for another network
 */
export function parseVaeConfig(text: string, source: string): VaeConfigFile {
  const json = parseJson(text, source);
  const name = json._class_name;
  if (name !== 'AutoencoderKL' && name !== 'AutoencoderTiny') {
    const problem = typeof name === 'string' ? `the class is ${name}` : 'it names no _class_name';
    throw refusal(source, [unsupported(problem, 'AutoencoderKL and AutoencoderTiny are known here.')]);
  }
  if (name === 'AutoencoderKL') {
    const file = read(kl, json, fixed.AutoencoderKL, source);
    const { scaling_factor: scaling, shift_factor, sample_size: _, force_upcast: __, ...config } = file;
    const odd = config.block_out_channels.find((width) => width % config.norm_num_groups !== 0);
    if (odd !== undefined) {
      const message = `norm_num_groups ${config.norm_num_groups} does not divide the ${odd} of block_out_channels`;
      throw refusal(source, [{ code: 'config-range', message, fix: 'Make it a divisor of every width.' }]);
    }
    return { kind: name, config, factors: { scaling, shift: shift_factor ?? 0 } };
  }
  return { kind: name, config: tinyConfig(read(tiny, json, fixed.AutoencoderTiny, source), source) };
}

function tinyConfig(file: z.infer<typeof tiny>, source: string): TinyConfig {
  const { num_encoder_blocks: encoderBlocks, num_decoder_blocks: decoderBlocks } = file;
  const all = [...file.encoder_block_out_channels, ...file.decoder_block_out_channels];
  const [width = 0] = all;
  const stages = [
    encoderBlocks,
    decoderBlocks,
    file.encoder_block_out_channels,
    file.decoder_block_out_channels,
  ];
  if (all.some((each) => each !== width) || new Set(stages.map(({ length }) => length)).size > 1) {
    const problem = 'encoder and decoder do not have one width and one number of resolutions';
    throw refusal(source, [unsupported(problem, 'A TAESD made with several cannot run here.')]);
  }
  return { latentChannels: file.latent_channels, width, encoderBlocks, decoderBlocks };
}

function parseJson(text: string, source: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) {
      return json as Record<string, unknown>;
    }
  } catch (cause) {
    throw new FileError(
      'config-json',
      `${source}: not JSON, ${cause instanceof Error ? cause.message : String(cause)}`,
      'Download the folder again.',
      { cause },
    );
  }
  throw new FileError('config-json', `${source}: not a JSON object`, 'Download the folder again.');
}

function unsupported(message: string, fix: string): Problem {
  return { code: 'config-unsupported', message, fix };
}

function read<T extends z.ZodObject>(
  schema: T,
  json: Record<string, unknown>,
  constants: Readonly<Record<string, string | number>>,
  source: string,
): z.infer<T> {
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(json)) {
    const only = constants[key];
    // Diffusers writes fields of later versions as null, and its own notes behind an underscore.
    const silent = key.startsWith('_') || value === null || value === false;
    if (only !== undefined) {
      const values = Array.isArray(value) ? value : [value];
      if (values.some((each) => each !== only)) {
        const message = `${key} is ${JSON.stringify(value)}, but here it is always ${JSON.stringify(only)}`;
        problems.push(unsupported(message, `A VAE made with another ${key} cannot run here.`));
      }
    } else if (!Object.hasOwn(schema.shape, key) && !silent) {
      const fix = `Remove ${key} if the network is the same without it.`;
      problems.push(unsupported(`${key} is unknown here and may change what is computed`, fix));
    }
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    problems.push(...problemsOf(result.error.issues, json, () => ({ here: Object.keys(schema.shape) })));
  }
  if (!result.success || problems.length > 0) throw refusal(source, problems);
  return result.data as z.infer<T>;
}
