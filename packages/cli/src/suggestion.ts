import { closest } from '@lua-webgpu/lua-model';

/** `Did you mean --scale? ` when one candidate is near enough, else ''. */
export function suggestion(word: string, candidates: readonly string[], prefix = ''): string {
  const guess =
    closest(word, candidates) ?? candidates.find((each) => word.length > 1 && each.startsWith(word));
  return guess === undefined ? '' : `Did you mean ${prefix}${guess}? `;
}
