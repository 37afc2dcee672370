import { closest, FileError } from '@lua-webgpu/kernels';
import type * as z from 'zod';

/** One thing that is wrong with a config, before it becomes an error. */
export interface Problem {
  readonly code:
    | 'config-unknown-key'
    | 'config-missing'
    | 'config-type'
    | 'config-range'
    | 'config-unsupported'
    | 'config-version';
  readonly message: string;
  readonly fix: string;
  /** Of the value that is wrong, or of the map that holds a wrong key, with that key. */
  readonly path?: readonly PropertyKey[];
}

const AT_MOST = 5;

/**
 * The error for some problems: code and fix of the first, the sentences of all (unknown keys come first).
 * @param source goes before the sentences; undefined where these say it themselves
 */
export function refusal(source: string | undefined, problems: readonly Problem[]): FileError {
  const unknown = (problem: Problem) => problem.code === 'config-unknown-key';
  const sorted = [...problems.filter(unknown), ...problems.filter((problem) => !unknown(problem))];
  const sentences = sorted.slice(0, AT_MOST).map(({ message }) => message);
  if (sorted.length > AT_MOST) sentences.push(`and ${sorted.length - AT_MOST} more problems`);
  const first = sorted[0];
  return new FileError(
    first?.code ?? 'config-type',
    `${source === undefined ? '' : `${source}: `}${sentences.join('; ')}`,
    first?.fix ?? 'See the preset configurations for examples.',
  );
}

/** A value as an error shows it: JSON, cut short. */
export function shown(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** `heads[0].scale` for ['heads', 0, 'scale']. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    return (value as Record<PropertyKey, unknown>)[key];
  }, json);
}

/** What a key may be: those of the layout at hand, and where a known key would belong instead. */
export interface KnownKeys {
  readonly here: readonly string[];
  /** Keys of the other layout, and the sentence that says so. */
  readonly elsewhere?: { readonly keys: readonly string[]; readonly sentence: string };
}

function unknownKey(key: string, path: readonly PropertyKey[], known: KnownKeys): Problem {
  const place = pathText([...path, key]);
  if (known.elsewhere?.keys.includes(key)) {
    return {
      code: 'config-unknown-key',
      message: `${shown(key)} does not belong here`,
      fix: known.elsewhere.sentence,
      path: [...path, key],
    };
  }
  const guess = closest(key, known.here);
  const hint = guess === undefined ? '' : `, did you mean ${shown(guess)}?`;
  return {
    code: 'config-unknown-key',
    message: `unknown key ${shown(place)}${hint}`,
    fix: guess === undefined ? `Remove it; the keys are ${known.here.join(', ')}.` : `Write ${shown(guess)}.`,
    path: [...path, key],
  };
}

/**
 * What zod found, as problems. Every schema must carry, as its message, a phrase that completes 'x is …, expected'.
 *
 * @param knownAt the keys that may stand at a path
 * @param special problems of values that deserve other words than 'x is …, expected …'
 */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  json: unknown,
  knownAt: (path: readonly PropertyKey[]) => KnownKeys,
  special: (path: readonly PropertyKey[], value: unknown) => Problem | undefined = () => undefined,
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const { path } = issue;
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey(key, path, knownAt(path)));
    }
    const value = valueAt(json, path);
    const other = special(path, value);
    if (other) return [other];
    const name = pathText(path);
    const fix = `Make it ${issue.message}.`;
    if (value === undefined && path.length > 0) {
      return [
        { code: 'config-missing', message: `${name} is missing, expected ${issue.message}`, fix, path },
      ];
    }
    const message = `${name || 'the config'} is ${shown(value)}, expected ${issue.message}`;
    const wrongType =
      issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof value !== 'string');
    return [{ code: wrongType ? 'config-type' : 'config-range', message, fix, path }];
  });
}
