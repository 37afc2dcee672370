import { FileError } from '@lua-webgpu/kernels';
import * as z from 'zod';
import { luaConfig, swinirConfig } from './layouts.ts';
import { type KnownKeys, type Problem, problemsOf, refusal, shown } from './problems.ts';
import { relationProblems } from './relations.ts';
import { FORMAT_VERSION, fixedFields, keysOf, lua, swinir } from './schema.ts';
import type { LuaConfig } from './types.ts';

/**
 * Reads the text of a JSON configuration file.
 *
 * @throws FileError `config-json` when the text is not JSON, and everything that {@link parseConfig} throws.
 */
export function parseConfigText(text: string, source: string): LuaConfig {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    const start = text.trimStart();
    const kind =
      start === '' ? 'the file is empty' : start.startsWith('<') ? 'this is HTML or XML' : undefined;
    throw new FileError(
      'config-json',
      `${source}: not JSON, ${kind ?? (cause instanceof Error ? cause.message : String(cause))}`,
      "Give the model's configuration as a JSON object.",
      { cause },
    );
  }
  return parseConfig(json, source);
}

/**
 * Checks a configuration in the released model's layout (`heads: [{name, scale, out_chans}]`) or in that of SwinIR's own
 * options (`upsampler`, `upscale`), and completes it with the defaults of those classes: img_size 64, img_range 1,
 * '1conv', num_feat 64, the RGB mean where in_chans is 3. What decides the shape of the network has no default, except
 * `in_chans` 3 in SwinIR's layout. Options of PyTorch's classes that have one value here (`qkv_bias`, `ape`, …) may be
 * given with that value. Beyond both layouts: `mean` replaces the default mean, `format_version` is 1.
 *
 * @param json parsed JSON
 * @param source what errors call it, usually the file's name
 * @throws FileError `config-unknown-key`, `config-missing`, `config-type`, `config-range`, `config-unsupported` (an
 * option that asks for another network than ours), `config-version` (from a later version of this format).
 */
export function parseConfig(json: unknown, source: string): LuaConfig {
  const keys = typeof json === 'object' && json !== null && !Array.isArray(json) ? Object.keys(json) : [];
  refuseLaterVersion(json, source);
  const config = keys.includes('heads')
    ? luaConfig(read(lua, json, source, knownIn('lua')), source)
    : keys.includes('upsampler') || keys.includes('upscale')
      ? swinirConfig(read(swinir, json, source, knownIn('swinir')), source)
      : refuseShapeless(json, source);
  const problems = relationProblems(config);
  if (problems.length > 0) throw refusal(source, problems);
  return config;
}

function refuseLaterVersion(json: unknown, source: string): void {
  const version = (json as { format_version?: unknown } | null | undefined)?.format_version;
  if (typeof version !== 'number' || !(version > FORMAT_VERSION)) return;
  throw refusal(source, [
    {
      code: 'config-version',
      message: `format_version is ${version}, this program knows ${FORMAT_VERSION}`,
      fix: 'Update lua-webgpu.',
    },
  ]);
}

function read<T>(
  schema: z.ZodType<T>,
  json: unknown,
  source: string,
  knownAt: (path: readonly PropertyKey[]) => KnownKeys,
): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw refusal(source, problemsOf(result.error.issues, json, knownAt, unsupported));
}

/** The problem of an option that has one value here. */
function unsupported(path: readonly PropertyKey[], value: unknown): Problem | undefined {
  const [key] = path;
  if (typeof key !== 'string' || !Object.hasOwn(fixedFields, key)) return undefined;
  const { value: ours, why } = fixedFields[key as keyof typeof fixedFields];
  return {
    code: 'config-unsupported',
    message: `${key} is ${shown(value)}, but here it is always ${shown(ours)}: ${why}`,
    fix:
      key === 'drop_path_rate'
        ? 'Remove it: it does nothing in inference.'
        : `A model made with another ${key} cannot run here.`,
  };
}

function knownIn(layout: 'lua' | 'swinir'): (path: readonly PropertyKey[]) => KnownKeys {
  const elsewhere = {
    lua: {
      keys: keysOf.swinir[''],
      sentence: "It belongs to SwinIR's own layout, which has upsampler and upscale in place of heads.",
    },
    swinir: {
      keys: keysOf.lua[''],
      sentence:
        "It belongs to the released model's layout, which has heads in place of upsampler and upscale.",
    },
  };
  return (path) =>
    path.length === 0
      ? { here: keysOf[layout][''], elsewhere: elsewhere[layout] }
      : { here: keysOf[layout].heads };
}

/** Neither layout: unknown keys are the likelier reason than a missing one. */
function refuseShapeless(json: unknown, source: string): never {
  const both = z.strictObject({ ...lua.shape, ...swinir.shape }, 'an object').partial();
  const here = [...new Set([...keysOf.lua[''], ...keysOf.swinir['']])];
  read(both, json, source, () => ({ here }));
  throw refusal(source, [
    {
      code: 'config-missing',
      message: 'neither heads nor upsampler says how the image grows',
      fix: 'Add heads: [{"name": "x2", "scale": 2, "out_chans": …}], or upsampler and upscale of a SwinIR.',
    },
  ]);
}
