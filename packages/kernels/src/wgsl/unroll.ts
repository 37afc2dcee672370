import { ShaderError } from '../errors.ts';
import type { Constants } from './preprocess.ts';

const UNROLL = /^([ \t]*)#(unroll|repeat) \(([a-z_]+) < ([A-Z][A-Z0-9_]*|[1-9][0-9]*)\) (\S.*;|\S.*\})$/;

/**
 * Steps that `#unroll` writes out; the rest is a loop. Drivers keep an array in registers only where its index is a
 * constant (SwiftShader), but take seconds to compile long shaders (lavapipe).
 */
const WRITTEN_OUT = 8;

/** Whether a line of code, comments taken out, is an `#unroll` or a `#repeat`. */
export const isUnroll = (code: string): boolean => /^[ \t]*#(unroll|repeat)\b/.test(code);

/**
 * `#unroll (n < COUNT) statement;` as text: the statement for n = 0u, 1u, … below the constant COUNT (or a number), on
 * one line so that line numbers stay. `#repeat` writes all of them out, for what takes a constant only: a lane of
 * subgroupBroadcast.
 *
 * @param where `file:line` for messages
 * @throws ShaderError `wgsl-directive` (another form), `wgsl-unknown-constant`, `wgsl-not-integer`
 */
export function unroll(line: string, constants: Constants, where: string): string {
  const match = UNROLL.exec(line);
  if (!match) {
    throw new ShaderError(
      'wgsl-directive',
      `${where}: malformed directive: '${line.trim()}'`,
      'Write #unroll (n < NAME) statement; or #repeat (n < NAME) statement; on one line, without a comment behind it.',
    );
  }
  const [, indent = '', directive = '', index = '', name = '', statement = ''] = match;
  const count = /^[0-9]/.test(name) ? Number(name) : countOf(name, constants, where);
  const step = new RegExp(`\\b${index}\\b`, 'g');
  const length = directive === 'repeat' ? count : Math.min(count, WRITTEN_OUT);
  const written = Array.from({ length }, (_, n) => statement.replace(step, `${n}u`));
  if (count > length) {
    written.push(`for (var ${index} = ${length}u; ${index} < ${name}; ${index}++) { ${statement} }`);
  }
  return indent + written.join(' ');
}

function countOf(name: string, constants: Constants, where: string): number {
  if (!Object.hasOwn(constants, name)) {
    throw new ShaderError(
      'wgsl-unknown-constant',
      `${where}: the directive counts to ${name}, which is not a constant of the kernel`,
      `Declare ${name} as an integer constant.`,
    );
  }
  const count = constants[name];
  if (typeof count === 'number' && Number.isInteger(count) && count >= 0) return count;
  throw new ShaderError(
    'wgsl-not-integer',
    `${where}: the directive counts to ${name}, which is ${String(count)}`,
    `Declare ${name} as an integer of at least 0.`,
  );
}
