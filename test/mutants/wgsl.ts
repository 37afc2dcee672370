import type { Edit } from './mutation.ts';
import {
  isSwizzle,
  replacementsOfNumber,
  replacementsOfOperator,
  replacementsOfPrefix,
  replacementsOfSize,
  replacementsOfSwizzle,
  replacementsOfWord,
} from './replacements.ts';

type Kind = 'number' | 'word' | 'symbol';

interface Token {
  readonly kind: Kind;
  readonly text: string;
  readonly offset: number;
}

// Blanks, comments (which do not nest in the shaders here) and the preprocessor's lines, but for what is unrolled.
const skipped = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/|#(?:unroll \([^)\n]*\)|[^\n]*))+/y;
const patterns: readonly [Kind, RegExp][] = [
  ['number', /(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?)[iufh]?/y],
  ['word', /[\p{L}_][\p{L}\p{N}_]*/uy],
  ['symbol', /<<=|>>=|->|&&|\|\||==|!=|<=|>=|<<|>>|\+\+|--|\+=|-=|\*=|\/=|%=|&=|\|=|\^=|./y],
];

function next(source: string, offset: number): Token | undefined {
  skipped.lastIndex = offset;
  const start = offset + (skipped.exec(source)?.[0].length ?? 0);
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = start;
    const text = pattern.exec(source)?.[0];
    if (text) return { kind, text, offset: start };
  }
  return undefined;
}

/** The words whose `<` opens a list of types and sizes. */
const templated = /^(?:array|vec[234]|mat[234]x[234]|ptr|atomic|bitcast|var)$/;

/**
 * Every mutation of a shader's text: operators, constants, indices, swizzles, min and max. Not of comments, of
 * directives, nor of the brackets of types.
 */
export function mutationsOfWgsl(source: string): Edit[] {
  const edits: Edit[] = [];
  let before: Token | undefined;
  let second: Token | undefined;
  let openLists = 0;
  for (let token = next(source, 0); token; ) {
    const { text, offset } = token;
    const opensList = text === '<' && before !== undefined && templated.test(before.text);
    const closesList = openLists > 0 && text.startsWith('>');
    if (opensList) openLists += 1;
    if (closesList) openLists -= 1;
    if (!opensList && !closesList) {
      for (const replacement of replacementsOf(token, before, second)) {
        edits.push({ offset, token: text, replacement });
      }
    }
    second = before;
    // What closes a list ends a type as a word would; of `>>` it is the first half.
    before = closesList ? { kind: 'word', text: '>', offset } : token;
    token = next(source, offset + (closesList ? 1 : text.length));
  }
  return edits;
}

function replacementsOf(
  { kind, text }: Token,
  before: Token | undefined,
  second: Token | undefined,
): readonly string[] {
  if (kind === 'number') {
    const ofSubgroup = second?.text === 'SUBGROUP_SIZE' && /^(?:[<>=!]=|[<>])$/.test(before?.text ?? '');
    return ofSubgroup ? replacementsOfSize(text) : replacementsOfNumber(text);
  }
  if (kind === 'word') {
    if (before?.text === '.') return isSwizzle(text) ? replacementsOfSwizzle(text) : [];
    return before?.text === '@' ? [] : replacementsOfWord(text);
  }
  const endsOperand =
    before !== undefined &&
    (before.kind === 'symbol' ? /^[)\]]$/.test(before.text) : before.text !== 'return');
  return endsOperand || text === '++' || text === '--'
    ? replacementsOfOperator(text)
    : replacementsOfPrefix(text);
}
