/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` of the items without repetition, each as likely as any other, in the order of the list. */
export function sampleOf<T>(items: readonly T[], count: number, seed: number): T[] {
  const random = seeded(seed);
  const places = items.map((_, i) => i);
  const chosen = Math.min(count, items.length);
  for (let i = 0; i < chosen; i++) {
    const j = i + Math.floor(random() * (places.length - i));
    [places[i], places[j]] = [places[j] as number, places[i] as number];
  }
  return places
    .slice(0, chosen)
    .sort((a, b) => a - b)
    .map((place) => items[place] as T);
}
