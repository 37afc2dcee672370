/**
 * Errors that WebGPU reports later than the call that caused them. They are collected here and thrown by the next
 * await; the loss of the device rejects every pending and every later await.
 */
export class Failures {
  readonly #pending = new Set<Promise<void>>();
  readonly #waiting = new Set<(error: Error) => void>();
  #first: Error | undefined;
  #fatal: Error | undefined;

  /** Watches a scope's outcome. */
  watch(outcome: Promise<Error | undefined>): void {
    const settled: Promise<void> = outcome
      .then(
        (error) => this.report(error),
        // popErrorScope rejects when the device is lost, which `fatal` reports in its own words.
        () => undefined,
      )
      .finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  }

  /** The first error is the cause; those after it are its consequences. */
  report(error: Error | undefined): void {
    this.#first ??= error;
  }

  fatal(error: Error): void {
    this.#fatal ??= error;
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** Throws at once if the device is gone. */
  throwIfFatal(): void {
    if (this.#fatal) throw this.#fatal;
  }

  /** Waits for `work` and for every open scope; throws what they found, or the device's loss. */
  async settle<T>(work: Promise<T>): Promise<T> {
    this.throwIfFatal();
    return await new Promise<T>((resolve, reject) => {
      this.#waiting.add(reject);
      Promise.allSettled([work, ...this.#pending])
        .then(([outcome]) => {
          this.#waiting.delete(reject);
          const error = this.#first;
          this.#first = undefined;
          if (error) reject(error);
          else if (outcome.status === 'rejected') reject(outcome.reason);
          else resolve(outcome.value);
        })
        .catch(reject);
    });
  }
}
