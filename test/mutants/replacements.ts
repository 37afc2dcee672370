/**
 * What a single token becomes, the same for WGSL and TypeScript: a neighbour that a slip could have written, so that
 * the mutant compiles and computes nearly the same.
 */
const operators: Readonly<Record<string, readonly string[]>> = {
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['/'],
  '++': ['--'],
  '--': ['++'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '/=': ['*='],
  '%=': ['/='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
  '===': ['!=='],
  '!==': ['==='],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&=': ['|='],
  '|=': ['&='],
  '^=': ['&='],
  '<<=': ['>>='],
  '>>=': ['<<='],
};

/** Operators in front of one operand that may go. */
const removable = new Set(['-', '!', '~']);

const words: Readonly<Record<string, string>> = {
  true: 'false',
  false: 'true',
  min: 'max',
  max: 'min',
  floor: 'ceil',
  ceil: 'floor',
  any: 'all',
  all: 'any',
  sin: 'cos',
  cos: 'sin',
};

export const replacementsOfOperator = (token: string): readonly string[] => operators[token] ?? [];

export const replacementsOfPrefix = (token: string): readonly string[] => (removable.has(token) ? [''] : []);

/** Constants and functions that have a counterpart. */
export const replacementsOfWord = (token: string): readonly string[] =>
  Object.hasOwn(words, token) ? [words[token] as string] : [];

/**
 * Integers to the next and the one before (not below 0); 0.0 to 1.0, other fractions to their double, which keeps
 * their order of magnitude. A suffix stays.
 */
export function replacementsOfNumber(token: string): readonly string[] {
  const [, digits = '', suffix = ''] =
    /^(0[xX][0-9a-fA-F]+|[0-9.]+(?:[eE][+-]?[0-9]+)?)([iufh]?)$/.exec(token) ?? [];
  const value = Number(digits);
  if (digits === '' || Number.isNaN(value)) throw new Error(`${token} is no number`);
  const isInteger = /^0[xX]/.test(digits) || (/^[0-9]+$/.test(digits) && !/[fh]/.test(suffix));
  if (isInteger) {
    const near = value === 0 ? [1] : [value + 1, value - 1];
    return near.map((each) => (/^0[xX]/.test(digits) ? `0x${each.toString(16)}` : String(each)) + suffix);
  }
  const changed = String(value === 0 ? 1 : 2 * value);
  return [(/[.e]/.test(changed) || suffix !== '' ? changed : `${changed}.0`) + suffix];
}

/** A number of lanes that SUBGROUP_SIZE is compared with: sizes are powers of two, so half of it and its double. */
export function replacementsOfSize(token: string): readonly string[] {
  const lanes = Number.parseInt(token, 10);
  return [`${2 * lanes}u`, `${lanes / 2}u`];
}

const axes = ['xyzw', 'rgba'];

/** One component to its neighbour, of which every vector has one; several rotated by a place. */
export function replacementsOfSwizzle(token: string): readonly string[] {
  if (token.length > 1) {
    const rotated = token.slice(1) + token.slice(0, 1);
    return rotated === token ? [] : [rotated];
  }
  const letters = axes.find((each) => each.includes(token)) ?? '';
  const place = letters.indexOf(token);
  return [letters.charAt(place === 0 ? 1 : place - 1)];
}

export const isSwizzle = (token: string): boolean => /^(?:[xyzw]{1,4}|[rgba]{1,4})$/.test(token);
