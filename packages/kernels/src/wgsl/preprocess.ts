/**
 * Conditions in .wgsl files: a strict front of the npm package wgsl-preprocessor.
 *
 * The package alone is easy to misuse in silence: `#if ${X} && Y` leaks ` && Y` into the shader, an
 * undefined constant counts as false, `#else//` is not seen, `#if` in a comment throws, and removed
 * branches shift the line numbers of the compiler's messages. Here the grammar is checked first, and what
 * the package is given are line numbers in place of lines: it decides which of them survive, and no
 * shader text can be taken for a directive.
 */
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { ShaderError } from '../errors.ts';
import { isUnroll, unroll } from './unroll.ts';

/** What a kernel declares: booleans select branches, all of them become WGSL `const`s in the prelude. */
export type Constants = Readonly<Record<string, boolean | number | string>>;

/** A .wgsl file with its directives carried out. */
export interface Preprocessed {
  /** The shader text, lines ended by `\n`. Directives and removed branches are left as blank lines. */
  readonly text: string;
  /** Maps a 1-based line of `text` to the 1-based line of the file. */
  sourceLine(line: number): number;
}

type Directive =
  | { readonly kind: 'if' | 'elif'; readonly value: boolean }
  | { readonly kind: 'else' | 'endif' };

const DIRECTIVE = /^[ \t]*#(?:(if|elif)[ \t]+\$\{(!?)([A-Za-z_][A-Za-z0-9_]*)\}|(else|endif))[ \t]*$/;
const GRAMMAR = `write #if \${NAME}, #if \${!NAME}, #elif \${NAME}, #else or #endif alone on its line`;
// The line ends that WGSL knows beside \n and \r\n: a `//` comment ends there, unlike in most editors.
const OTHER_LINE_BREAK = /[\v\f\r\u0085\u2028\u2029]/;

/**
 * Decides the `#if` conditions of one .wgsl file and writes out its `#unroll`s and `#repeat`s.
 *
 * A condition is `#if ${NAME}` or `#if ${!NAME}` (likewise `#elif`), NAME a boolean of `constants`, alone
 * on its line; blocks nest. `//` and nested block comments are plain text, whatever they hold, so a comment
 * cannot share a directive's line or reach over one. `${…}` outside comments and conditions is refused:
 * constants reach shader text through the prelude. `#unroll (n < COUNT) statement;` and `#repeat` are explained in unroll.ts.
 * CRLF files are read as LF ones, so that a checkout's line ends do not change the shader or its cache key.
 *
 * @param file name of the file for messages, such as `matmul/tiled.wgsl`
 * @throws ShaderError, naming file and line: `wgsl-directive` (malformed directive or stray `${`),
 *   `wgsl-unknown-directive`, `wgsl-unknown-constant`, `wgsl-not-boolean`, `wgsl-not-integer`, `wgsl-unbalanced` (a block or a
 *   comment that does not close, a branch without its `#if`), `wgsl-line-break` (a lone `\r` and its kin)
 */
export function preprocess(source: string, constants: Constants, file: string): Preprocessed {
  const written = splitLines(source, file);
  const writtenCode = withoutComments(written, file);
  const lines = written.map((line, i) =>
    isUnroll(writtenCode[i] ?? '') ? unroll(line, constants, `${file}:${i + 1}`) : line,
  );
  const code = withoutComments(lines, file);
  const directives = lines.map((line, i) =>
    readDirective(line, code[i] ?? '', constants, `${file}:${i + 1}`),
  );
  checkBalance(directives, file);
  const kept = survivors(directives);
  return {
    text: lines.map((line, i) => (kept.has(i) ? line : '')).join('\n'),
    sourceLine: (line) => line,
  };
}

function splitLines(source: string, file: string): string[] {
  const lines = source.split(/\r?\n/);
  lines.forEach((line, i) => {
    const found = OTHER_LINE_BREAK.exec(line);
    if (!found) return;
    const code = found[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase();
    throw new ShaderError(
      'wgsl-line-break',
      `${file}:${i + 1}: the character U+${code} ends a line in WGSL but not in most editors`,
      'End lines with \\n or \\r\\n.',
    );
  });
  return lines;
}

/** The lines with each comment (or the part of it on that line) replaced by a space. */
function withoutComments(lines: readonly string[], file: string): string[] {
  let depth = 0;
  let openedAt = 0;
  const code = lines.map((line, i) => {
    let kept = '';
    for (let at = 0; at < line.length; ) {
      const pair = line.slice(at, at + 2);
      if (pair === '//' && depth === 0) break;
      if (pair === '/*') {
        if (depth === 0) openedAt = i + 1;
        depth += 1;
        kept += ' ';
        at += 2;
      } else if (pair === '*/' && depth > 0) {
        depth -= 1;
        at += 2;
      } else {
        if (depth === 0) kept += line[at];
        at += 1;
      }
    }
    return kept;
  });
  if (depth > 0) {
    throw new ShaderError(
      'wgsl-unbalanced',
      `${file}:${openedAt}: the block comment that opens here does not close`,
      'Close it with */; block comments nest in WGSL, so each /* needs its own.',
    );
  }
  return code;
}

function readDirective(
  line: string,
  code: string,
  constants: Constants,
  where: string,
): Directive | undefined {
  const hash = code.indexOf('#');
  if (hash < 0) {
    if (!code.includes('${')) return undefined;
    throw new ShaderError(
      'wgsl-directive',
      `${where}: \${…} outside a condition: '${line.trim()}'`,
      'Use the name alone: the kernel’s constants stand in front of the shader as WGSL const declarations.',
    );
  }
  const match = DIRECTIVE.exec(line);
  if (!match) throw malformedDirective(line, code.slice(hash), where);
  const [, conditional, negation, name = '', bare] = match;
  if (bare === 'else' || bare === 'endif') return { kind: bare };
  const value = conditionValue(name, constants, where);
  return { kind: conditional === 'if' ? 'if' : 'elif', value: negation === '!' ? !value : value };
}

function malformedDirective(line: string, fromHash: string, where: string): ShaderError {
  const name = /^#([A-Za-z0-9_]*)/.exec(fromHash)?.[1] ?? '';
  const known = ['if', 'elif', 'else', 'endif', ''].includes(name);
  if (known) {
    return new ShaderError(
      'wgsl-directive',
      `${where}: malformed directive: '${line.trim()}'`,
      `Comments, operators and code go on lines of their own: ${GRAMMAR}.`,
    );
  }
  const instead: Readonly<Record<string, string>> = {
    define: 'Declare a constant of the kernel, which the prelude turns into a WGSL const.',
    include: 'Name the library file in the kernel’s declaration, which puts it in front whole.',
  };
  return new ShaderError(
    'wgsl-unknown-directive',
    `${where}: unknown directive #${name}`,
    (Object.hasOwn(instead, name) && instead[name]) || `For a condition, ${GRAMMAR}.`,
  );
}

function conditionValue(name: string, constants: Constants, where: string): boolean {
  if (!Object.hasOwn(constants, name)) {
    const known = Object.keys(constants).filter((key) => typeof constants[key] === 'boolean');
    throw new ShaderError(
      'wgsl-unknown-constant',
      `${where}: the condition names ${name}, which is not a constant of the kernel`,
      `Declare ${name} as a boolean constant, or use one of: ${known.join(', ') || '(the kernel has none)'}.`,
    );
  }
  const value: unknown = constants[name];
  if (typeof value === 'boolean') return value;
  throw new ShaderError(
    'wgsl-not-boolean',
    `${where}: the condition names ${name}, which is ${String(value)} (${typeof value}) and not a boolean`,
    `Declare a boolean constant that says what is asked about ${name}, and use that.`,
  );
}

function checkBalance(directives: readonly (Directive | undefined)[], file: string): void {
  const open: { line: number; elseLine: number | undefined }[] = [];
  directives.forEach((directive, i) => {
    if (!directive) return;
    const line = i + 1;
    if (directive.kind === 'if') {
      open.push({ line, elseLine: undefined });
      return;
    }
    const block = open.at(-1);
    if (!block) {
      throw new ShaderError(
        'wgsl-unbalanced',
        `${file}:${line}: #${directive.kind} without an #if before it`,
        `Open the block with #if \${NAME}, or remove the #${directive.kind}.`,
      );
    }
    if (directive.kind === 'endif') {
      open.pop();
      return;
    }
    if (block.elseLine !== undefined) {
      throw new ShaderError(
        'wgsl-unbalanced',
        `${file}:${line}: #${directive.kind} after the #else of line ${block.elseLine}`,
        'Put #else last in its block, once.',
      );
    }
    if (directive.kind === 'else') block.elseLine = line;
  });
  const unclosed = open.at(-1);
  if (unclosed) {
    throw new ShaderError(
      'wgsl-unbalanced',
      `${file}:${unclosed.line}: the #if of this line has no #endif`,
      'Close the block with #endif.',
    );
  }
}

/** Indices of the lines that are text and lie in chosen branches only. */
function survivors(directives: readonly (Directive | undefined)[]): Set<number> {
  const strings = directives.map((directive) => (directive ? `#${directive.kind} ` : ''));
  const values = directives.map((directive, i) => {
    if (!directive) return `${i} `;
    return 'value' in directive ? directive.value : '';
  });
  return new Set((wgsl([...strings, ''], ...values).match(/\d+/g) ?? []).map(Number));
}
