import { profiles } from '@lua-webgpu/lua-model';
import * as z from 'zod';

/**
 * The file, field by field, with the defaults that depend on nothing else. What fields have to do with each other is in
 * resolve.ts. Every schema carries one phrase that completes 'x is …, expected'.
 */

export const FORMAT_VERSION = 1;

function whole(min: number, max = 1e9) {
  const expected = `a whole number from ${min} to ${max}`;
  return z.int(expected).min(min, expected).max(max, expected);
}

function number(expected: string, fits: (value: number) => boolean) {
  return z.number(expected).refine(fits, expected);
}

const positive = () => number('a number above 0', (value) => value > 0);
const notNegative = () => number('a number from 0', (value) => value >= 0);
const share = () => number('a number from 0 to 1', (value) => value >= 0 && value <= 1);
const belowOne = () => number('a number from 0 to below 1', (value) => value >= 0 && value < 1);

function oneOf<const T extends readonly string[]>(...values: T) {
  return z.enum(values, `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`);
}

function text(what: string) {
  return z.string(what).min(1, what);
}

const path = text('a path');

function map<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, `a map of ${Object.keys(shape).slice(0, 4).join(', ')}, …`);
}

const patterns = z.array(text('a pattern of parameter names'), 'a list of patterns of parameter names');
const scaleList = 'a list of scales, for instance [2, 4]';
const scales = z.array(whole(2, 16), scaleList).min(1, scaleList);
const side = whole(2, 65536).nullable().default(null);

const weight = notNegative();
const plainTerm = map({ weight }).optional();

const factor = 'a whole number from 2 to 16, or "scale"';

const loss = map({
  l1_latent: plainTerm,
  fft_latent: plainTerm,
  downsample: map({
    weight,
    factor: z.union([z.int(factor).min(2, factor).max(16, factor), z.literal('scale')], factor).default(2),
  }).optional(),
  high_frequency: map({
    weight,
    kernel_size: whole(3, 63)
      .refine((taps) => taps % 2 === 1, 'an odd number from 3 to 63')
      .default(5),
    sigma: positive().default(1),
  }).optional(),
  l1_pixel: plainTerm,
  fft_pixel: plainTerm,
  eagle: map({
    weight,
    patch_size: whole(2, 64).default(3),
    high_pass: oneOf('gaussian', 'original').default('gaussian'),
    cutoff: positive().default(0.5),
    reduction: oneOf('mean', 'sum').default('mean'),
  }).optional(),
});

const betas = 'two numbers from 0 to below 1';
const milestones = 'a rising list of steps';

const stage = map({
  name: text('a name'),
  loss,
  steps: whole(1),
  batch: whole(1, 1e6),
  micro_batch: whole(1, 1e6).nullable().default(null),
  lr: positive().default(2e-4),
  betas: z.tuple([belowOne(), belowOne()], betas).default([0.9, 0.995]),
  weight_decay: notNegative().default(0),
  milestones: z
    .array(whole(1), milestones)
    .refine((steps) => steps.every((step, i) => i === 0 || step > (steps[i - 1] ?? 0)), milestones)
    .nullable()
    .default(null),
  gamma: number('a number above 0, up to 1', (value) => value > 0 && value <= 1).default(0.5),
  warm_up: whole(0).default(0),
  clip: positive().nullable().default(0.4),
  ema: belowOne().nullable().default(0.999),
  heads: map({ scales: scales.nullable().default(null), joint_until: share().default(0.6) }).prefault({}),
  crop: side,
  trainable: patterns.default(['*']),
  drop_path: belowOne().default(0.1),
  recompute: z.boolean('true or false').default(true),
  max_minutes: positive().nullable().default(null),
});

const profileNames = profiles.map(({ name }) => name);

export const trainFile = map({
  version: z.literal(FORMAT_VERSION, '1'),
  name: text('a name')
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name of letters, digits, dots, _ and -')
    .default('run'),
  seed: whole(0, 2 ** 32 - 1).default(0),
  model: z.record(
    z.string(),
    z.unknown(),
    'a map: a preset with what differs from it, or a whole configuration of the network',
  ),
  weights: map({ file: path, replace: patterns.default([]) })
    .nullable()
    .default(null),
  vae: map({ path, profile: oneOf(...profileNames) })
    .nullable()
    .default(null),
  data: map({
    train: path,
    validation: path.nullable().default(null),
    pixel_target: oneOf('decoded', 'original').default('decoded'),
  }),
  stages: z.array(stage, 'a list of stages').min(1, 'a list of at least one stage'),
  validation: map({
    every: whole(1).default(1000),
    samples: whole(1).default(8),
    pictures: whole(0).default(4),
    crop: side,
  })
    .nullable()
    .optional(),
  checkpoint: map({
    every: whole(1).default(1000),
    keep_last: whole(1, 10_000).default(3),
    keep_every: whole(1).nullable().default(null),
    best: oneOf('psnr').nullable().optional(),
  }).prefault({}),
  stability: map({ max_skipped_in_a_row: whole(1, 1e6).default(10) }).prefault({}),
  log: map({ every: whole(1, 1e6).default(10) }).prefault({}),
});

export type TrainFile = z.infer<typeof trainFile>;

/** Keys that the map at a path may have; none where there is no map. */
export function keysAt(path: readonly PropertyKey[], schema: z.core.$ZodType = trainFile): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return keysAt(path, schema.unwrap());
  }
  if (schema instanceof z.ZodPrefault) return keysAt(path, schema.unwrap());
  const [key, ...rest] = path;
  if (schema instanceof z.ZodArray && key !== undefined) return keysAt(rest, schema.element);
  if (!(schema instanceof z.ZodObject)) return [];
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  if (key === undefined) return Object.keys(shape);
  const inner = shape[String(key)];
  return inner ? keysAt(rest, inner) : [];
}
