import { parseArgs } from 'node:util';
import { UsageError } from './errors.ts';
import { suggestion } from './suggestion.ts';

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  /** A letter that stands for it. */
  readonly short?: string;
  /** What stands for the value in the help. */
  readonly placeholder?: string;
  readonly about: string;
  readonly required?: boolean;
  /** Whether it may be given several times. */
  readonly multiple?: boolean;
  /** The values that exist, where they can be listed. */
  readonly choices?: readonly string[];
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** Names of the positional arguments, all of them required. The last may end in …: it takes one or more. */
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Paragraphs of the help beneath the options. */
  readonly details?: string;
}

/** What was written on the command line, checked against a spec. */
export interface Parsed {
  readonly positionals: readonly string[];
  has(option: string): boolean;
  /** The value of an option, undefined where it was not given. */
  text(option: string): string | undefined;
  /** All values of an option that may be given several times, in order. */
  texts(option: string): readonly string[];
  /** An option that the spec requires. */
  required(option: string): string;
  /** A whole number above 0. @throws UsageError `usage-value` */
  count(option: string): number | undefined;
}

/** Options that every command has. */
export const commonOptions = {
  json: { type: 'boolean', about: 'print one JSON object on stdout, also for errors' },
  help: { type: 'boolean', short: 'h', about: 'this text' },
} as const satisfies Record<string, OptionSpec>;

/**
 * Reads a command's arguments.
 * @throws UsageError `usage-option`, `usage-value`, `usage-argument`, `usage-repeated`
 */
export function parseCommandLine(spec: CommandSpec, args: readonly string[]): Parsed {
  // parseArgs' own strictness cannot suggest a name, so that its tokens are judged here.
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(spec.options).map(([name, { type, short }]) => [
        name,
        { type, ...(short && { short }) },
      ]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const value = checkOption(spec, token);
    const before = values.get(token.name) ?? [];
    if (before.length > 0 && !spec.options[token.name]?.multiple) {
      throw new UsageError('usage-repeated', `--${token.name} is given twice`, 'Give it once.');
    }
    values.set(token.name, [...before, value]);
  }
  if (!values.has('help')) checkPresence(spec, positionals, values);
  return {
    positionals,
    has: (option) => values.has(option),
    text: (option) => values.get(option)?.[0],
    texts: (option) => values.get(option) ?? [],
    required: (option) => values.get(option)?.[0] ?? '',
    count: (option) => wholeNumber(option, values.get(option)?.[0]),
  };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/** The value of one option as text; '' for a flag. */
function checkOption(spec: CommandSpec, token: OptionToken): string {
  const { name, rawName, value, inlineValue } = token;
  const option = Object.hasOwn(spec.options, name) ? spec.options[name] : undefined;
  if (option === undefined) {
    throw new UsageError(
      'usage-option',
      `${spec.name} has no option ${rawName}`,
      `${suggestion(name, Object.keys(spec.options), '--')}See lua-webgpu ${spec.name} --help.`,
    );
  }
  if (option.type === 'boolean') {
    if (value === undefined) return '';
    throw new UsageError('usage-value', `--${name} takes no value`, `Write --${name} alone.`);
  }
  // `--out --json` is a forgotten value far more often than a file called --json.
  const forgotten = value === undefined || value === '' || (!inlineValue && value.startsWith('-'));
  if (forgotten) {
    const example = option.placeholder ?? 'VALUE';
    throw new UsageError('usage-value', `--${name} needs a value`, `Write --${name} ${example}.`);
  }
  if (option.choices && !option.choices.includes(value)) {
    throw new UsageError(
      'usage-value',
      `--${name} is ${JSON.stringify(value)}`,
      `${suggestion(value, option.choices)}It is one of ${option.choices.join(', ')}.`,
    );
  }
  return value;
}

const REPEATED = '…';

function checkPresence(
  spec: CommandSpec,
  positionals: readonly string[],
  values: ReadonlyMap<string, readonly string[]>,
): void {
  const usage = `Usage: lua-webgpu ${usageLine(spec)}`;
  const missing = spec.positionals[positionals.length]?.replace(REPEATED, '');
  if (missing !== undefined) throw new UsageError('usage-argument', `${missing} is missing`, usage);
  const extra = positionals[spec.positionals.length];
  if (extra !== undefined && !spec.positionals.at(-1)?.endsWith(REPEATED)) {
    throw new UsageError('usage-argument', `${JSON.stringify(extra)} is one argument too many`, usage);
  }
  for (const [name, { required }] of Object.entries(spec.options)) {
    if (required && !values.has(name)) throw new UsageError('usage-argument', `--${name} is missing`, usage);
  }
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new UsageError(
    'usage-value',
    `--${option} is ${JSON.stringify(text)}`,
    'It is a whole number above 0.',
  );
}

/** `upscale IN.safetensors --scale 2|4 --out OUT.safetensors [--weights FILE] …` */
export function usageLine(spec: CommandSpec): string {
  const options = Object.entries(spec.options).map(([name, option]) => {
    const text = option.type === 'boolean' ? `--${name}` : `--${name} ${placeholderOf(option)}`;
    return option.required ? text : `[${text}]`;
  });
  return [spec.name, ...spec.positionals, ...options].join(' ');
}

export function placeholderOf(option: OptionSpec): string {
  return option.placeholder ?? option.choices?.join('|') ?? 'VALUE';
}
