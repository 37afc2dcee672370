interface Lost {
  readonly what: string;
  readonly bytes: number;
}

/**
 * Tells of objects that were garbage-collected while they held device memory. It frees nothing: when the collector runs
 * is nobody's to say, and a program that counts on it runs out of memory. Kept only where somebody listens, since every
 * registration costs the collector time.
 */
export class LeakReports {
  readonly #listen: (line: string) => void;
  readonly #registry = new FinalizationRegistry<Lost>((lost) => this.#lose(lost));
  /** By what was lost: how many and how many bytes together. */
  readonly #found = new Map<string, { count: number; bytes: number }>();
  #stopped = false;

  constructor(listen: (line: string) => void) {
    this.#listen = listen;
  }

  /** `owner` holds `bytes` from now on; `what` says in a few words what it is. */
  watch(owner: object, what: string, bytes: number): void {
    this.#registry.register(owner, { what, bytes }, owner);
  }

  /** `owner` has given its memory back. */
  forget(owner: object): void {
    this.#registry.unregister(owner);
  }

  /** The memory is gone with the device; nothing is told any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** The collector finds many at a time; they are told in one line for each kind. */
  #lose({ what, bytes }: Lost): void {
    if (this.#found.size === 0) queueMicrotask(() => this.#tell());
    const before = this.#found.get(what) ?? { count: 0, bytes: 0 };
    this.#found.set(what, { count: before.count + 1, bytes: before.bytes + bytes });
  }

  #tell(): void {
    for (const [what, { count, bytes }] of this.#found) {
      if (this.#stopped) break;
      const times = count === 1 ? '' : `${count} times `;
      this.#listen(
        `lua-webgpu: ${times}${what}, ${bytes} bytes, garbage-collected without dispose(): the device keeps the memory. End the scope or dispose the tape, store or tensor that held it.`,
      );
    }
    this.#found.clear();
  }
}
