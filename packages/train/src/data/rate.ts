/** Items per second over the last while, and how long the rest will take. */
export class Rate {
  readonly #windowMs: number;
  /** [when, items done by then] */
  readonly #marks: [number, number][] = [];

  constructor(windowMs = 60_000) {
    this.#windowMs = windowMs;
  }

  /** Notes how many items are done; the first call starts the clock. */
  mark(done: number, now = performance.now()): void {
    this.#marks.push([now, done]);
    // One mark beyond the window stays: the rate is over at least that long.
    while ((this.#marks[1]?.[0] ?? now) < now - this.#windowMs) this.#marks.shift();
  }

  /** Undefined before anything was measured. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (!first || !last || last[0] === first[0]) return undefined;
    return (1000 * (last[1] - first[1])) / (last[0] - first[0]);
  }

  secondsFor(items: number): number | undefined {
    const rate = this.perSecond;
    return rate === undefined || rate === 0 ? undefined : items / rate;
  }
}
