/** `Did you mean --scale? ` when one candidate is near enough, else ''. */
export function suggestion(word: string, candidates: readonly string[], prefix = ''): string {
  const typed = word.toLowerCase().slice(0, 64);
  const near = candidates
    .map((candidate) => ({ candidate, distance: editDistance(typed, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  const guess = near[0]?.candidate ?? candidates.find((each) => typed.length > 1 && each.startsWith(typed));
  return guess === undefined ? '' : `Did you mean ${prefix}${guess}? `;
}

/** Insertions, deletions and replacements that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
