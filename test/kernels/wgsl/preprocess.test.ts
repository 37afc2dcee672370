// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${NAME}` is the syntax of conditions in .wgsl files
/// <reference path="../../../packages/kernels/src/wgsl/wgsl-preprocessor.d.ts" />
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import ts from 'typescript';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wgsl } from 'wgsl-preprocessor/wgsl-preprocessor.js';
import { ShaderError } from '../../../packages/kernels/src/runtime/errors.ts';
import { type Constants, preprocess } from '../../../packages/kernels/src/wgsl/preprocess.ts';

const flags: Constants = { A: true, B: false, C: true, TILE: 16, TYPE: 'f32' };

function run(lines: readonly string[], constants: Constants = flags): string[] {
  return preprocess(lines.join('\n'), constants, 'matmul/tiled.wgsl').text.split('\n');
}

function refusal(lines: readonly string[], constants: Constants = flags): ShaderError {
  try {
    run(lines, constants);
  } catch (error) {
    if (error instanceof ShaderError) return error;
    throw error;
  }
  throw new Error(`accepted: ${lines.join('\\n')}`);
}

describe('what wgsl-preprocessor alone gets wrong', () => {
  // The reason for the strict wrapper; when a release of the package fixes one of these, this says so.
  it('leaks text behind a condition', () => {
    expect(wgsl(['#if ', ' && Y\nx\n#endif'], true)).toContain('&& Y');
  });
  it('takes undefined for false', () => {
    expect(wgsl(['#if ', '\nx\n#endif'], undefined as unknown as boolean)).toBe('');
  });
  it('does not see #else//', () => {
    expect(wgsl(['#if ', '\nx\n#else// no\ny\n#endif'], true)).toContain('y');
  });
  it('throws on #if in a comment', () => {
    expect(() => wgsl(['// #if it rains\nx'])).toThrow();
  });
  it('shifts lines', () => {
    expect(wgsl(['#if ', '\nx\n#endif\ny'], false).split('\n').indexOf('y')).not.toBe(3);
  });
});

describe('refused, with file and line', () => {
  const table: [name: string, code: string, line: number, lines: string[]][] = [
    ['an expression behind the condition', 'wgsl-directive', 2, ['x', '#if ${A} && B', 'y', '#endif']],
    ['an expression inside the condition', 'wgsl-directive', 1, ['#if ${A && B}', '#endif']],
    ['a comparison', 'wgsl-directive', 1, ['#if ${TILE == 16}', '#endif']],
    ['a double negation', 'wgsl-directive', 1, ['#if ${!!A}', '#endif']],
    ['a negation outside the braces', 'wgsl-directive', 1, ['#if !${A}', '#endif']],
    ['spaces in the braces', 'wgsl-directive', 1, ['#if ${ A }', '#endif']],
    ['empty braces', 'wgsl-directive', 1, ['#if ${}', '#endif']],
    ['two conditions', 'wgsl-directive', 1, ['#if ${A} ${B}', '#endif']],
    ['a bare name', 'wgsl-directive', 1, ['#if A', '#endif']],
    ['a literal', 'wgsl-directive', 1, ['#if true', '#endif']],
    ['no condition', 'wgsl-directive', 1, ['#if', '#endif']],
    ['no space before the condition', 'wgsl-directive', 1, ['#if${A}', '#endif']],
    ['a no-break space before the condition', 'wgsl-directive', 1, ['#if\u00a0${A}', '#endif']],
    ['a byte order mark before a directive', 'wgsl-directive', 1, ['\ufeff#if ${A}', '#endif']],
    ['a comment behind #if', 'wgsl-directive', 1, ['#if ${A} // fast', '#endif']],
    ['#else//', 'wgsl-directive', 3, ['#if ${A}', 'x', '#else// slow', '#endif']],
    ['a comment behind #else', 'wgsl-directive', 2, ['#if ${A}', '#else /* slow */', '#endif']],
    ['a comment behind #endif', 'wgsl-directive', 2, ['#if ${A}', '#endif // A']],
    ['a comment before #if', 'wgsl-directive', 1, ['/* a */ #if ${A}', '#endif']],
    ['a comment that closes before #if', 'wgsl-directive', 2, ['/* a', '*/ #if ${A}', '#endif']],
    ['#else if', 'wgsl-directive', 2, ['#if ${A}', '#else if ${B}', '#endif']],
    ['a condition behind #endif', 'wgsl-directive', 2, ['#if ${A}', '#endif ${A}']],
    ['a semicolon behind #endif', 'wgsl-directive', 2, ['#if ${A}', '#endif;']],
    ['a directive behind code', 'wgsl-directive', 1, ['x; #if ${A}', '#endif']],
    ['two directives on a line', 'wgsl-directive', 1, ['#if ${A} #endif']],
    ['a lone #', 'wgsl-directive', 1, ['#']],
    ['a space behind #', 'wgsl-directive', 1, ['# if ${A}', '#endif']],
    ['a substitution', 'wgsl-directive', 2, ['x', 'var a: array<f32, ${TILE}>;']],
    ['a substitution of a boolean', 'wgsl-directive', 1, ['const a = ${A};']],
    ['a substitution on a line with a comment', 'wgsl-directive', 1, ['a /* b */ ${A} // c']],
    ['a substitution in a removed branch', 'wgsl-directive', 2, ['#if ${B}', '${A}', '#endif']],
    ['#define', 'wgsl-unknown-directive', 2, ['x', '#define N 4']],
    ['#include', 'wgsl-unknown-directive', 1, ['#include "erf.wgsl"']],
    ['#ifdef', 'wgsl-unknown-directive', 1, ['#ifdef A', '#endif']],
    ['#esle', 'wgsl-unknown-directive', 3, ['#if ${A}', 'x', '#esle', 'y', '#endif']],
    ['#elseif', 'wgsl-unknown-directive', 2, ['#if ${A}', '#elseif ${B}', '#endif']],
    ['#IF', 'wgsl-unknown-directive', 1, ['#IF ${A}', '#endif']],
    ['#constructor', 'wgsl-unknown-directive', 1, ['#constructor']],
    ['an unknown directive in a removed branch', 'wgsl-unknown-directive', 2, ['#if ${B}', '#end', '#endif']],
    ['an unknown constant', 'wgsl-unknown-constant', 2, ['x', '#if ${MISSING}', '#endif']],
    ['an unknown constant, negated', 'wgsl-unknown-constant', 1, ['#if ${!MISSING}', '#endif']],
    ['an unknown constant in #elif', 'wgsl-unknown-constant', 2, ['#if ${A}', '#elif ${MISSING}', '#endif']],
    [
      'an unknown constant in a removed branch',
      'wgsl-unknown-constant',
      2,
      ['#if ${B}', '#if ${MISSING}', '#endif', '#endif'],
    ],
    ['a property of Object', 'wgsl-unknown-constant', 1, ['#if ${toString}', '#endif']],
    ['__proto__', 'wgsl-unknown-constant', 1, ['#if ${__proto__}', '#endif']],
    ['a number', 'wgsl-not-boolean', 1, ['#if ${TILE}', '#endif']],
    ['a string', 'wgsl-not-boolean', 1, ['#if ${!TYPE}', '#endif']],
    ['#endif without #if', 'wgsl-unbalanced', 2, ['x', '#endif']],
    ['#else without #if', 'wgsl-unbalanced', 1, ['#else', '#endif']],
    ['#elif without #if', 'wgsl-unbalanced', 1, ['#elif ${A}', '#endif']],
    ['a second #endif', 'wgsl-unbalanced', 3, ['#if ${A}', '#endif', '#endif']],
    ['no #endif', 'wgsl-unbalanced', 2, ['x', '#if ${A}', 'y']],
    ['no #endif of the outer block', 'wgsl-unbalanced', 1, ['#if ${A}', '#if ${B}', '#endif']],
    ['a second #else', 'wgsl-unbalanced', 3, ['#if ${A}', '#else', '#else', '#endif']],
    ['#elif after #else', 'wgsl-unbalanced', 3, ['#if ${A}', '#else', '#elif ${B}', '#endif']],
    ['#endif in a comment', 'wgsl-unbalanced', 1, ['#if ${A}', '/*', '#endif', '*/']],
    ['a comment that does not close', 'wgsl-unbalanced', 2, ['x', 'y /* z', 'w']],
    ['a nested comment that does not close', 'wgsl-unbalanced', 1, ['/* a', '/* b */', 'x']],
    ['a lone carriage return', 'wgsl-line-break', 2, ['x', '// a\rb']],
    ['a vertical tab', 'wgsl-line-break', 1, ['// a\vb']],
    ['a form feed', 'wgsl-line-break', 1, ['a\fb']],
    ['a next line character', 'wgsl-line-break', 1, ['// a\u0085#if']],
    ['a line separator', 'wgsl-line-break', 1, ['// a\u2028b']],
    ['a paragraph separator', 'wgsl-line-break', 1, ['// a\u2029b']],
  ];
  it.each(table)('%s: %s', (_name, code, line, lines) => {
    const error = refusal(lines);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(new RegExp(`^matmul/tiled\\.wgsl:${line}: \\S`));
    expect(error.fix).toMatch(/^[A-Z].+\.$/);
  });

  it('undefined, which is not false', () => {
    const constants = { A: undefined } as unknown as Constants;
    expect(refusal(['#if ${A}', '#endif'], constants).code).toBe('wgsl-not-boolean');
  });
  it('names the boolean constants that exist', () => {
    expect(refusal(['#if ${MISSING}', '#endif']).fix).toContain('A, B, C.');
    expect(refusal(['#if ${MISSING}', '#endif'], {}).fix).toContain('none');
  });
  it('says what stands in for #define and #include', () => {
    expect(refusal(['#define N 4']).fix).toContain('constant of the kernel');
    expect(refusal(['#include "a"']).fix).toContain('library file');
  });
  it('names the line of the #else that came first', () => {
    expect(refusal(['#if ${A}', '#else', '', '#else', '#endif']).message).toContain('line 2');
  });
});

describe('accepted', () => {
  const table: [name: string, lines: string[], expected: string[]][] = [
    ['an empty file', [''], ['']],
    ['no directive', ['a', '  b ', ''], ['a', '  b ', '']],
    ['a true condition', ['#if ${A}', 'x', '#endif'], ['', 'x', '']],
    ['a false condition', ['#if ${B}', 'x', '#endif', 'y'], ['', '', '', 'y']],
    ['a negation', ['#if ${!B}', 'x', '#else', 'y', '#endif'], ['', 'x', '', '', '']],
    ['a negated #elif', ['#if ${B}', 'x', '#elif ${!B}', 'y', '#endif'], ['', '', '', 'y', '']],
    ['indented directives', ['\t #if ${B} ', ' x', '\t#else\t', ' y', ' #endif '], ['', '', '', ' y', '']],
    [
      'an elif chain: the first true branch wins',
      ['#if ${B}', '1', '#elif ${A}', '2', '#elif ${C}', '3', '#else', '4', '#endif'],
      ['', '', '', '2', '', '', '', '', ''],
    ],
    [
      'an elif chain that ends in #else',
      ['#if ${B}', '1', '#elif ${B}', '2', '#else', '3', '#endif'],
      ['', '', '', '', '', '3', ''],
    ],
    [
      'an elif chain without a true branch',
      ['#if ${B}', '1', '#elif ${B}', '2', '#endif'],
      ['', '', '', '', ''],
    ],
    [
      'nested blocks',
      ['#if ${A}', '1', '#if ${B}', '2', '#else', '3', '#endif', '4', '#else', '5', '#endif'],
      ['', '1', '', '', '', '3', '', '4', '', '', ''],
    ],
    [
      'a true block in a removed branch',
      ['#if ${B}', '#if ${A}', '1', '#else', '2', '#endif', '#endif', '3'],
      ['', '', '', '', '', '', '', '3'],
    ],
    [
      'blocks side by side',
      ['#if ${A}', '1', '#endif', '#if ${C}', '2', '#endif'],
      ['', '1', '', '', '2', ''],
    ],
    ['empty branches', ['#if ${A}', '#elif ${C}', '#else', '#endif'], ['', '', '', '']],
    ['an empty chosen branch', ['#if ${A}', '#else', 'x', '#endif'], ['', '', '', '']],
    ['#if in a line comment', ['// #if ${X} && Y', 'x // #else'], ['// #if ${X} && Y', 'x // #else']],
    [
      'directives in a block comment',
      ['/* a', '#if ${A}', '#define', '${A} // */ x'],
      ['/* a', '#if ${A}', '#define', '${A} // */ x'],
    ],
    ['nested block comments', ['/* /* */ #if', '*/ x'], ['/* /* */ #if', '*/ x']],
    ['a nested comment behind slashes', ['/* //* */ #if */ x'], ['/* //* */ #if */ x']],
    ['a block comment in a line comment', ['// /*', '#if ${B}', 'x', '#endif'], ['// /*', '', '', '']],
    ['a comment on one line with code', ['a /* # */ b // ${A}'], ['a /* # */ b // ${A}']],
    ['/*/ opens and does not close', ['/*/ # */ x'], ['/*/ # */ x']],
    ['*/ outside a comment is code', ['a */ b', '#if ${B}', '#endif'], ['a */ b', '', '']],
    ['comments in a removed branch', ['#if ${B}', '// #else', '/* #endif */', '#endif'], ['', '', '', '']],
    ['a dollar or braces alone', ['$ {A} $', '{x}'], ['$ {A} $', '{x}']],
  ];
  it.each(table)('%s', (_name, lines, expected) => {
    expect(run(lines)).toEqual(expected);
  });

  it('CRLF files give the text of LF files', () => {
    const source = ['// head', '#if ${A}', 'x', '#else', 'y', '#endif', ''];
    const text = preprocess(source.join('\r\n'), flags, 'a.wgsl').text;
    expect(text).toBe(preprocess(source.join('\n'), flags, 'a.wgsl').text);
    expect(text).toBe('// head\n\nx\n\n\n\n');
  });
});

interface Block {
  readonly branches: readonly { readonly name: 'A' | 'B'; readonly negated: boolean; readonly body: Body }[];
  readonly otherwise: Body | null;
}
type Body = readonly (string | Block)[];

const text = fc.oneof(
  fc.constantFrom(
    '',
    '}',
    '  let a = 1;',
    '// #if ${NO} && #else',
    '/* #endif */',
    'x /* // */ y',
    '/* /* */ */',
  ),
  fc.string({ unit: fc.constantFrom('a', ' ', '(', '*', ';', 'é', '\t') }),
);
const { body } = fc.letrec<{ body: Body }>((tie) => ({
  body: fc.array(
    fc.oneof(
      { maxDepth: 4 },
      text,
      fc.record({
        branches: fc.array(
          fc.record({ name: fc.constantFrom('A', 'B'), negated: fc.boolean(), body: tie('body') }),
          { minLength: 1, maxLength: 3 },
        ),
        otherwise: fc.option(tie('body')),
      }),
    ),
    { maxLength: 4 },
  ),
}));

/** Writes a body as lines, and beside each line what is to be left of it. */
function write(
  from: Body,
  alive: boolean,
  values: Constants,
  indent: string,
): [line: string, left: string][] {
  return from.flatMap((item): [string, string][] => {
    if (typeof item === 'string') return [[item, alive ? item : '']];
    const out: [string, string][] = [];
    let decided = false;
    item.branches.forEach(({ name, negated, body: inner }, i) => {
      const chosen = !decided && values[name] !== negated;
      decided ||= chosen;
      out.push([`${indent}#${i === 0 ? 'if' : 'elif'} \${${negated ? '!' : ''}${name}}`, '']);
      out.push(...write(inner, alive && chosen, values, `${indent} `));
    });
    if (item.otherwise) {
      out.push([`${indent}#else`, '']);
      out.push(...write(item.otherwise, alive && !decided, values, `${indent}\t`));
    }
    out.push([`${indent}#endif`, '']);
    return out;
  });
}

describe('properties', () => {
  it('each surviving line stays on its line, each other line is blank, and lines map to themselves', () => {
    fc.assert(
      fc.property(body, fc.boolean(), fc.boolean(), fc.constantFrom('\n', '\r\n'), (tree, A, B, end) => {
        const lines = write(tree, true, { A, B }, '');
        const source = lines.map(([line]) => line);
        const result = preprocess(source.join(end), { A, B }, 'a.wgsl');
        const left = result.text.split('\n');
        expect(left).toEqual(lines.length === 0 ? [''] : lines.map(([, kept]) => kept));
        left.forEach((line, i) => {
          if (line !== '') expect(source[result.sourceLine(i + 1) - 1]).toBe(line);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with the package where the package is right', () => {
    const words = (whole: string) => whole.split(/\s+/).filter((word) => word !== '');
    fc.assert(
      fc.property(body, fc.boolean(), fc.boolean(), (tree, A, B) => {
        const source = write(tree, true, { A, B }, '')
          .map(([line]) => line)
          .filter((line) => !/[/*]/.test(line))
          .join('\n');
        const values = [...source.matchAll(/\$\{(!?)(A|B)\}/g)].map(
          ([, not, name]) => (name === 'A' ? A : B) !== (not === '!'),
        );
        const expected = wgsl(source.split(/\$\{!?[AB]\}/), ...values);
        expect(words(preprocess(source, { A, B }, 'a.wgsl').text)).toEqual(words(expected));
      }),
      { numRuns: 300 },
    );
  });

  it('any text is refused with a typed error, or comes out line by line and without directives', () => {
    const token = fc.constantFrom(
      '#if ${A}',
      '#elif ${!B}',
      '#else',
      '#endif',
      '\n',
      '\n',
      '\n',
      ' ',
      'x',
      '#',
      '${A}',
    );
    fc.assert(
      fc.property(fc.string({ unit: token, maxLength: 16 }), (source) => {
        let out: string[];
        try {
          out = preprocess(source, flags, 'a.wgsl').text.split('\n');
        } catch (error) {
          expect(error).toBeInstanceOf(ShaderError);
          return;
        }
        const lines = source.split('\n');
        expect(out).toHaveLength(lines.length);
        out.forEach((line, i) => {
          expect(['', lines[i]]).toContain(line);
          expect(line).not.toMatch(/#|\$\{/);
        });
      }),
      { numRuns: 2000 },
    );
  });
});

describe('scripts/generate-shaders.mjs', () => {
  const script = fileURLToPath(new URL('../../../scripts/generate-shaders.mjs', import.meta.url));
  let folder: string;
  let output: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shaders-'));
    output = join(folder, 'shaders.generated.ts');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const generate = () => execFileSync(process.execPath, [script, folder]);
  async function load(): Promise<Record<string, string>> {
    const { outputText } = ts.transpileModule(readFileSync(output, 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    });
    const loaded = await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(outputText)}`);
    return loaded.shaders;
  }

  it('embeds every shader to the letter, in the order of their names', async () => {
    const nasty = '// "quotes" `ticks` ${A} \\n \u2028 é\r\n/* */\n#if ${A}\n';
    mkdirSync(join(folder, 'matmul', 'deep'), { recursive: true });
    writeFileSync(join(folder, 'matmul', 'tiled.wgsl'), nasty);
    writeFileSync(join(folder, 'matmul', 'deep', 'a.wgsl'), '');
    writeFileSync(join(folder, 'erf.wgsl'), 'fn erf() {}');
    writeFileSync(join(folder, 'matmul', 'index.ts'), 'not a shader');
    generate();
    const shaders = await load();
    expect(shaders).toEqual({
      'erf.wgsl': 'fn erf() {}',
      'matmul/deep/a.wgsl': '',
      'matmul/tiled.wgsl': nasty,
    });
    expect(Object.keys(shaders)).toEqual(['erf.wgsl', 'matmul/deep/a.wgsl', 'matmul/tiled.wgsl']);
    expect(readFileSync(output, 'utf8')).toContain('"matmul/deep/a.wgsl"\n  | "matmul/tiled.wgsl";');
  });

  it('works without any shader', async () => {
    generate();
    expect(await load()).toEqual({});
    expect(readFileSync(output, 'utf8')).toContain('ShaderName = never;');
  });

  it('rewrites its file when a shader changes, and only then', async () => {
    writeFileSync(join(folder, 'a.wgsl'), 'old');
    generate();
    utimesSync(output, 1, 1);
    generate();
    expect(statSync(output).mtimeMs).toBe(1000);
    writeFileSync(join(folder, 'a.wgsl'), 'new');
    generate();
    expect(await load()).toEqual({ 'a.wgsl': 'new' });
    expect(readdirSync(folder).sort()).toEqual(['a.wgsl', 'shaders.generated.ts']);
  });
});
