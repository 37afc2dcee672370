import { FileError } from '@lua-webgpu/kernels';
import * as z from 'zod';
import type { BestCheckpoint, Manifest, TrainingState } from './types.ts';

/** Version of the layout of a checkpoint folder that this code writes. */
export const CHECKPOINT_VERSION = 1;

const count = z.int().min(0);
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const manifestSchema = z.strictObject({
  format: z.literal('lua-webgpu checkpoint'),
  version: z.literal(CHECKPOINT_VERSION),
  files: z.record(name, z.strictObject({ bytes: count, sha256 })),
});

const stateSchema = z.strictObject({
  step: count,
  stage: z.string(),
  stageIndex: count,
  stageStep: count,
  counters: z.record(z.string(), z.number()),
  adapter: z.strictObject({
    name: z.string(),
    vendor: z.string(),
    architecture: z.string(),
    kind: z.string(),
    origin: z.string(),
  }),
  kernels: z.record(z.string(), z.string()),
  configSha256: sha256,
  version: z.string(),
  metrics: z.record(z.string(), z.number()),
  written: z.iso.datetime(),
});

const bestSchema = z.strictObject({ metric: z.string(), value: z.number(), step: count, checkpoint: name });

/** @throws FileError `checkpoint-newer` for a manifest of a later version, `checkpoint-manifest` */
export function parseManifest(bytes: Uint8Array, source: string): Manifest {
  const json = parseJson(bytes, source, 'checkpoint-manifest');
  const version = (json as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > CHECKPOINT_VERSION) {
    throw new FileError(
      'checkpoint-newer',
      `${source} is of version ${version}, this program knows up to ${CHECKPOINT_VERSION}`,
      'Go on with the version of lua-webgpu that wrote it, or a later one.',
    );
  }
  return check(manifestSchema, json, source, 'checkpoint-manifest');
}

/** @throws FileError `checkpoint-state` */
export function parseState(bytes: Uint8Array, source: string): TrainingState {
  return check(stateSchema, parseJson(bytes, source, 'checkpoint-state'), source, 'checkpoint-state');
}

/** A state as it is written. @throws FileError `checkpoint-state` for one that could not be read back */
export function encodeState(state: TrainingState): Uint8Array {
  return encodeJson(check(stateSchema, state, 'the state', 'checkpoint-state'));
}

/** @throws FileError `checkpoint-best` */
export function parseBest(bytes: Uint8Array, source: string): BestCheckpoint {
  return check(bestSchema, parseJson(bytes, source, 'checkpoint-best'), source, 'checkpoint-best');
}

export function encodeJson(value: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);
}

function parseJson(bytes: Uint8Array, source: string, code: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new FileError(code, `${source} is not JSON: ${message}`, FIX, { cause });
  }
}

function check<T>(schema: z.ZodType<T>, json: unknown, source: string, code: string): T {
  const { success, data, error } = schema.safeParse(json);
  if (success) return data;
  const [issue] = error.issues;
  const at = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  throw new FileError(code, `${source}: ${at}${issue?.message ?? 'not as expected'}`, FIX);
}

const FIX = 'Use another checkpoint; this one is damaged or was edited.';
