import { type CommandSpec, placeholderOf, usageLine } from './arguments.ts';
import { exitCodes } from './exit-codes.ts';

const WIDTH = 100;

/** Help of the whole command. */
export function generalHelp(commands: readonly CommandSpec[], version: string): string {
  return [
    `lua-webgpu ${version}: latents of diffusion models, upscaled ×2 or ×4 before the VAE decodes them`,
    '',
    'Usage: lua-webgpu COMMAND …',
    '',
    ...columns(commands.map(({ name, summary }) => [name, summary])),
    '',
    'lua-webgpu COMMAND --help says more; lua-webgpu --version prints the version.',
    '',
    ...exitCodeLines(),
    '',
    ...environmentLines(),
  ].join('\n');
}

/** Help of one command. */
export function commandHelp(spec: CommandSpec): string {
  const options = Object.entries(spec.options).map(([name, option]): [string, string] => [
    option.type === 'boolean' ? `--${name}` : `--${name} ${placeholderOf(option)}`,
    option.required ? `${option.about} (required)` : option.about,
  ]);
  return [
    `lua-webgpu ${spec.name}: ${spec.summary}`,
    '',
    ...wrap(`Usage: lua-webgpu ${usageLine(spec)}`, 2),
    '',
    ...columns(options),
    ...(spec.details === undefined ? [] : ['', ...spec.details.split('\n').flatMap((line) => wrap(line))]),
    '',
    ...exitCodeLines(),
    '',
    ...environmentLines(),
  ].join('\n');
}

function exitCodeLines(): string[] {
  return ['Exit codes:', ...columns(exitCodes.map(({ code, meaning }) => [String(code), meaning]))];
}

function environmentLines(): string[] {
  return [
    'Environment:',
    ...columns([
      ['LUA_WEBGPU_ADAPTER', 'the adapter where --adapter names none'],
      ['LUA_WEBGPU_KERNEL', 'kernel variants to force, as in matmul:tiled,conv2d:tiled'],
      ['LUA_WEBGPU_MATMUL_PRECISION', 'medium: products may round float32 operands to float16'],
      ['LUA_WEBGPU_SUBGROUP_MATRIX', 'with 1, and medium: they may use experimental subgroup matrices'],
      [
        'LUA_WEBGPU_CHECK',
        'with 1: names the op behind a NaN of a backward pass, tells of tensors never disposed',
      ],
      ['LUA_WEBGPU_CACHE', 'where the embedded software adapter is unpacked'],
    ]),
  ];
}

/** Two columns, the second wrapped. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...rows.map(([name]) => name.length)) + 4;
  return rows.flatMap(([name, about]) => {
    const lines = wrap(about, 0, WIDTH - left);
    return lines.map((line, i) => (i === 0 ? `  ${name}`.padEnd(left) : ' '.repeat(left)) + line);
  });
}

/** Breaks a line at spaces; continuation lines are indented. */
function wrap(text: string, indent = 0, width = WIDTH): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
