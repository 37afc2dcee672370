/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const steps = [at(last, j - 1) + (same ? 0 : 1), at(last, j) + 1, at(row, j - 1) + 1];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) steps.push(at(before, j - 2) + 1);
      row.push(Math.min(...steps));
    }
    before = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

/**
 * The candidate that was probably meant: at most a third of the letters differ, or the word stands whole in it
 * (`num_feat` for `head_num_feat`). Case, spaces and dashes do not count. undefined when nothing is near.
 */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[\s-]/g, '_');
  const typed = plain(word).slice(0, 64);
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const wanted = plain(candidate);
    const distance = editDistance(typed, wanted);
    const near = distance <= Math.max(1, Math.floor(Math.max(typed.length, wanted.length) / 3));
    const inside = typed.length >= 4 && wanted.includes(typed);
    // A word that was left out is likelier than two wrong letters.
    const cost = inside ? Math.min(distance, 1.5) : distance;
    if ((near || inside) && cost < least) {
      best = candidate;
      least = cost;
    }
  }
  return best;
}
