import { LifetimeError, movingAverage } from '@lua-webgpu/kernels';
import type { FileTensor } from '../files/index.ts';
import type { ArenaBuffers, ParameterArena } from './arena.ts';
import { requireRange } from './optimizer.ts';
import { readState, writeState } from './state.ts';

/** The name under which checkpoints of this family keep the average. */
const kind = 'params_ema';

/**
 * Exponential moving average of an arena's parameters: average = decay · average + (1 − decay) · parameter after each
 * step, from the values that the parameters have when it is made.
 */
export class Ema {
  readonly arena: ParameterArena;
  readonly #decay: number;
  readonly #average: ArenaBuffers;
  #swapped = false;

  /** @throws ShapeError `attribute-invalid` unless 0 ≤ decay ≤ 1, AllocationError */
  constructor(arena: ParameterArena, options: { readonly decay: number }) {
    requireRange('Ema', 'decay', options.decay, 0, 1);
    this.arena = arena;
    this.#decay = options.decay;
    this.#average = arena.allocate('average');
    this.#average.copyFrom(arena.values);
  }

  /** Records one step of the average; call it after each step of the optimiser. @throws LifetimeError `arena-lent` */
  update(): void {
    if (this.#swapped) throw inUse('update');
    for (const run of this.arena.runs()) {
      const segments = { average: this.#average.segment(run), x: this.arena.values.segment(run) };
      movingAverage(this.arena.device, segments, run.bytes, this.#decay);
    }
  }

  /**
   * Exchanges the parameters and the average; a second call changes them back. Meanwhile optimisers refuse to step.
   * @throws LifetimeError `arena-left`, `arena-lent`
   */
  swap(): void {
    this.arena.touch(this);
    const { values } = this.arena;
    const before = this.arena.allocate('swap');
    before.copyFrom(values);
    values.copyFrom(this.#average);
    this.#average.copyFrom(before);
    before.dispose();
    this.#swapped = !this.#swapped;
    this.arena.lendTo(this.#swapped ? this : undefined);
  }

  /** Runs `compute` with the average in the parameters' place, for validation. */
  async apply<T>(compute: () => T | Promise<T>): Promise<T> {
    if (this.#swapped) throw inUse('apply');
    this.swap();
    try {
      return await compute();
    } finally {
      this.swap();
    }
  }

  /** The average by the names `params_ema.<parameter>`, in PyTorch's layout. @throws LifetimeError `arena-lent` */
  async stateDict(): Promise<Map<string, FileTensor>> {
    if (this.#swapped) throw inUse('stateDict');
    return await readState(this.arena.slots, { [kind]: this.#average });
  }

  /** Takes over what `stateDict` gave. @throws ShapeError `state-dict-mismatch`, LifetimeError `arena-lent` */
  loadStateDict(state: ReadonlyMap<string, FileTensor>): void {
    if (this.#swapped) throw inUse('loadStateDict');
    writeState('the EMA', this.arena.slots, { [kind]: this.#average }, state);
  }

  /** Releases the average. */
  dispose(): void {
    this.#average.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function inUse(action: string): LifetimeError {
  return new LifetimeError(
    'arena-lent',
    `${action}: the average is in the parameters’ place`,
    'Call swap() again first, or wait for apply().',
  );
}
