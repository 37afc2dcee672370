const names = ['data', 'record', 'gpu'] as const;

export type Phase = (typeof names)[number];

/** Milliseconds of one step: waiting for data, recording in JavaScript, waiting for the GPU, and all of it. */
export type PhaseTimes = Readonly<Record<Phase | 'wall', number>>;

/** Where the wall time of one step goes. */
export class Phases {
  readonly #begin = performance.now();
  readonly #ms = new Map<Phase, number>();

  /** Times a part; what belongs to one phase adds up. */
  async time<T>(phase: Phase, work: () => T | Promise<T>): Promise<T> {
    const begin = performance.now();
    const result = await work();
    this.#ms.set(phase, (this.#ms.get(phase) ?? 0) + performance.now() - begin);
    return result;
  }

  report(): PhaseTimes {
    const phases = Object.fromEntries(names.map((name) => [name, round(this.#ms.get(name) ?? 0)]));
    return { ...phases, wall: round(performance.now() - this.#begin) } as PhaseTimes;
  }
}

const round = (ms: number) => Math.round(ms * 100) / 100;
