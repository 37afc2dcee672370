/** A problem that WebGPU may report later than the call that caused it. */
interface Watched {
  readonly outcome: Promise<Error | undefined>;
  /** Whether somebody waits for it already, who will then be told. */
  awaited: boolean;
}

/** A stretch of recorded commands, and what was found wrong with it. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly error: Error;
}

/** Spans remembered: more failures than that, and buffers as old as the first of them, mean a caller past caring. */
const remembered = 64;

/**
 * Errors that WebGPU reports later than the call that caused them. Everybody who waits while one is found is told,
 * else the next who waits; the loss of the device rejects every pending and every later await.
 *
 * A submission that fails takes everything recorded in it along, also the work of callers who did nothing wrong. So
 * commands are numbered, buffers remember the number of the command that wrote them last, and `damage` says of such
 * a number whether the content can be trusted: a caller who was not told may not compute on with wrong numbers. The
 * number grows with each submission and with each failure that comes to be known, not with each command.
 */
export class Failures {
  readonly #pending = new Set<Watched>();
  readonly #resources = new Set<Promise<void>>();
  readonly #waiting = new Set<(error: Error) => void>();
  #causes: Span[] = [];
  #damages: Span[] = [];
  #unheard: Error | undefined;
  #fatal: Error | undefined;
  #serial = 1;
  /** The number that the open submission began with. */
  #opened = 1;

  /** Number of the commands that are being recorded. */
  get serial(): number {
    return this.#serial;
  }

  /** The first command of a submission is about to be recorded. */
  open(): void {
    this.#opened = this.#serial;
  }

  /** Watches what submissions will use: a buffer, a pipeline, a bind group. */
  watch(outcome: Promise<Error | undefined>): void {
    const from = this.#serial;
    const watched = this.#add(outcome);
    const noted: Promise<void> = watched.outcome.then((error) => {
      this.#resources.delete(noted);
      if (!error) return;
      this.#causes = [...this.#causes, { from, to: this.#serial, error }].slice(-remembered);
      // From here on nobody records what is broken: commands to come do not fail from it.
      this.#serial += 1;
    });
    this.#resources.add(noted);
  }

  /** Watches the submission of what was recorded since `open`. */
  watchSubmission(outcome: Promise<Error | undefined>): void {
    const from = this.#opened;
    const to = this.#serial;
    this.#serial += 1;
    this.#add(outcome.then((error) => error && this.#explain({ from, to, error })));
  }

  fatal(error: Error): void {
    this.#fatal ??= error;
    for (const reject of this.#waiting) reject(this.#fatal);
    this.#waiting.clear();
  }

  get isFatal(): boolean {
    return this.#fatal !== undefined;
  }

  /** Throws at once if the device is gone. */
  throwIfFatal(): void {
    if (this.#fatal) throw this.#fatal;
  }

  /** Whether there is content that cannot be trusted. */
  get damaged(): boolean {
    return this.#damages.length > 0;
  }

  /** Why content that was written at `serial` cannot be trusted, or undefined when it can. */
  damage(serial: number): Error | undefined {
    return this.#damages.find(({ from, to }) => from <= serial && serial <= to)?.error;
  }

  /** Waits for `work` and for everything that is watched; throws what was found, or the device's loss. */
  async settle<T>(work: Promise<T>): Promise<T> {
    if (this.#fatal) {
      void work.catch(() => undefined);
      throw this.#fatal;
    }
    const unheard = this.#unheard;
    this.#unheard = undefined;
    const watched = [...this.#pending];
    for (const each of watched) each.awaited = true;
    return await new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      const finish = async (): Promise<T> => {
        const [outcome] = await Promise.allSettled([work]);
        // In the order in which they were watched: the first is the cause, the others are its consequences.
        const errors = await Promise.all(watched.map((each) => each.outcome));
        const error = unheard ?? errors.find((each) => each !== undefined);
        if (error) throw error;
        if (outcome.status === 'fulfilled') return outcome.value;
        // A map that fails because the device is lost may be told before the loss is.
        await new Promise((tick) => setTimeout(tick, 0));
        throw this.#fatal ?? outcome.reason;
      };
      void finish()
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(reject));
    });
  }

  #add(outcome: Promise<Error | undefined>): Watched {
    const watched: Watched = {
      awaited: false,
      outcome: outcome
        // popErrorScope may reject when the device is lost, which `fatal` reports in its own words.
        .catch(() => undefined)
        .then((error) => {
          this.#pending.delete(watched);
          if (!watched.awaited) this.#unheard ??= error;
          return error;
        }),
    };
    this.#pending.add(watched);
    return watched;
  }

  /** Notes the damage, and finds what the submission failed from: a buffer or pipeline that is broken, if one is. */
  async #explain(failed: Span): Promise<Error> {
    await Promise.all(this.#resources);
    const cause = this.#causes.find(({ from, to }) => from <= failed.to && failed.from <= to);
    const error = cause?.error ?? failed.error;
    // Whatever was recorded since then may have been computed from what is lost; what comes now is checked.
    this.#damages = [...this.#damages, { from: failed.from, to: this.#serial, error }].slice(-remembered);
    this.#serial += 1;
    return error;
  }
}
