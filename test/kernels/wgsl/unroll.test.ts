import { describe, expect, it } from 'vitest';
import { ShaderError } from '../../../packages/kernels/src/runtime/errors.ts';
import { type Constants, preprocess } from '../../../packages/kernels/src/wgsl/preprocess.ts';

const text = (source: string, constants: Constants) => preprocess(source, constants, 'a.wgsl').text;

function refusal(source: string, constants: Constants = { COUNT: 2 }): ShaderError {
  try {
    preprocess(source, constants, 'a.wgsl');
  } catch (error) {
    if (error instanceof ShaderError) return error;
    throw error;
  }
  throw new Error(`accepted: ${source}`);
}

describe('#unroll', () => {
  it('writes a statement out, once for each index, on its line', () => {
    expect(text('a;\n  #unroll (n < COUNT) add(n, row + n, near);\nb;', { COUNT: 3 })).toBe(
      'a;\n  add(0u, row + 0u, near); add(1u, row + 1u, near); add(2u, row + 2u, near);\nb;',
    );
    expect(text('#unroll (n < COUNT) add(n);', { COUNT: 0 })).toBe('');
  });

  it('loops over what is past the eighth', () => {
    const written = Array.from({ length: 8 }, (_, n) => `add(${n}u);`).join(' ');
    expect(text('#unroll (n < COUNT) add(n);', { COUNT: 8 })).toBe(written);
    expect(text('#unroll (n < COUNT) add(n);', { COUNT: 9 })).toBe(
      `${written} for (var n = 8u; n < COUNT; n++) { add(n); }`,
    );
  });

  it('writes every step out as #repeat, up to a constant or a number', () => {
    const written = (count: number) => Array.from({ length: count }, (_, n) => `add(${n}u);`).join(' ');
    expect(text('#repeat (n < COUNT) add(n);', { COUNT: 16 })).toBe(written(16));
    expect(text('#repeat (n < 12) add(n);', {})).toBe(written(12));
    expect(text('#repeat (n < 2) if (n < COUNT) { add(n); }', { COUNT: 1 })).toBe(
      'if (0u < COUNT) { add(0u); } if (1u < COUNT) { add(1u); }',
    );
  });

  it('is text in a comment and goes with its branch', () => {
    expect(text('// #unroll (n < COUNT) add(n);', {})).toBe('// #unroll (n < COUNT) add(n);');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of conditions
    expect(text('#if ${A}\n#unroll (n < COUNT) add(n);\n#endif', { A: false, COUNT: 1 })).toBe('\n\n');
  });

  it('refuses other forms and counts, naming the line', () => {
    const malformed = ['#unroll', '#unroll n < COUNT add(n);', '#unroll (n < 04) add(n);'];
    for (const line of [...malformed, '#unroll (n <= COUNT) add(n);', '#unroll (n < COUNT) add(n)']) {
      expect(refusal(`a;\n${line}`)).toMatchObject({ code: 'wgsl-directive' });
      expect(refusal(`a;\n${line}`).message).toContain('a.wgsl:2');
    }
    expect(refusal('#unroll (n < OTHER) add(n);').code).toBe('wgsl-unknown-constant');
    for (const COUNT of [1.5, -1, true, '2']) {
      expect(refusal('#unroll (n < COUNT) add(n);', { COUNT }).code).toBe('wgsl-not-integer');
    }
  });
});
