/** Which mutations a text has: the list behind `npm run test:mutants`. */
import { describe, expect, it } from 'vitest';
import { equivalents } from './equivalent.ts';
import { type Edit, mutate, placeOf } from './mutation.ts';
import { sampleOf } from './sample.ts';
import { allMutations, readSource } from './sources.ts';
import { mutationsOfWgsl } from './wgsl.ts';

const results = (source: string): string[] => mutationsOfWgsl(source).map((edit) => mutate(source, edit));

describe('mutations of WGSL', () => {
  it('replace operators, numbers, components and functions with a counterpart, one at a time', () => {
    expect(results('let a = b.x * 2u;')).toEqual([
      'let a = b.y * 2u;',
      'let a = b.x / 2u;',
      'let a = b.x * 3u;',
      'let a = b.x * 1u;',
    ]);
    expect(results('a += min(b, 0.5);')).toEqual([
      'a -= min(b, 0.5);',
      'a += max(b, 0.5);',
      'a += min(b, 1.0);',
    ]);
    expect(results('a = -b.zyx;')).toEqual(['a = b.zyx;', 'a = -b.yxz;']);
    expect(results('if (a <= b && !c) {}')).toEqual([
      'if (a < b && !c) {}',
      'if (a > b && !c) {}',
      'if (a <= b || !c) {}',
      'if (a <= b && c) {}',
    ]);
  });

  it('halve and double a number of lanes, and change what is unrolled once', () => {
    expect(results('if (SUBGROUP_SIZE == 8u) {}')).toEqual([
      'if (SUBGROUP_SIZE != 8u) {}',
      'if (SUBGROUP_SIZE == 16u) {}',
      'if (SUBGROUP_SIZE == 4u) {}',
    ]);
    expect(results('  #unroll (n < COUNT) add(n, a + b);')).toEqual(['  #unroll (n < COUNT) add(n, a - b);']);
  });

  it('leave comments, attributes and the brackets of types alone', () => {
    expect(results('// a + 1\n/* b * 2 */')).toEqual([]);
    expect(results('var<private> a: array<vec4<f32>, N>;')).toEqual([]);
    expect(results('@builtin(position) a: vec4<f32>')).toEqual([]);
  });
});

describe('the mutations of the repository', () => {
  const all = allMutations();

  it('are of shaders and of vjps, and each changes its file in one place', () => {
    expect(all.length).toBeGreaterThan(5000);
    expect(all.some(({ file }) => file.endsWith('.wgsl'))).toBe(true);
    expect(all.some(({ file, vjpFiles }) => file.endsWith('.ts') && vjpFiles?.length)).toBe(true);
    for (const { file, ...edit } of sampleOf(all, 200, 3)) {
      const source = readSource(file);
      const changed = mutate(source, edit as Edit);
      expect(changed).not.toBe(source);
      const difference = edit.replacement.length - edit.token.length;
      expect(changed.length - source.length).toBe(difference);
      expect(placeOf(source, edit).text).toContain(edit.token);
    }
  });

  it('include every one that is listed as without effect', () => {
    const key = (file: string, text: string, at: number, token: string, replacement: string) =>
      [file, text, at, token, replacement].join('|');
    const known = new Set(
      all.map((target) => {
        const { text, at } = placeOf(readSource(target.file), target);
        return key(target.file, text, at, target.token, target.replacement);
      }),
    );
    for (const { file, text, at, token, replacement } of equivalents) {
      expect(known).toContain(key(file, text, at, token, replacement));
    }
  });

  it('are drawn without repetition, the same for the same seed', () => {
    const sample = sampleOf(all, 200, 1);
    expect(
      new Set(sample.map(({ file, offset, replacement }) => `${file} ${offset} ${replacement}`)).size,
    ).toBe(200);
    expect(sampleOf(all, 200, 1)).toEqual(sample);
    expect(sampleOf(all, 200, 2)).not.toEqual(sample);
  });
});
