import { type GpuBuffer, gradientNorm, ShapeError } from '@lua-webgpu/kernels';
import type { Gradients } from '../autograd/index.ts';
import { AutogradError, byteLength, type Tensor } from '../core/index.ts';
import type { FileTensor } from '../files/index.ts';
import type { ArenaBuffers, ParameterArena, Run, Slot } from './arena.ts';
import type { Schedule } from './schedule.ts';
import { numberTensor, readNumber, readState, writeState } from './state.ts';

export interface StepOptions {
  /** In place of the schedule's. */
  readonly lr?: number;
  /**
   * Scales all gradients together so that their Euclidean norm is at most this (PyTorch's clip_grad_norm_). The norm
   * stays on the device; `gradientNorm()` reads it.
   */
  readonly maxNorm?: number;
}

/** A step that waits to be carried out. */
export interface PreparedStep {
  /**
   * Records the update. @throws AutogradError `autograd-step-stale` a second time, or after another step was prepared,
   * LifetimeError `arena-left`, `arena-lent`
   */
  apply(): void;
}

/** What `Optimizer.gather` found: whose gradients lie in the optimiser's arena. */
export interface Gathered {
  readonly slots: readonly Slot[];
}

/** What one step does with neighbouring parameters of one age. */
export interface Update {
  readonly run: Run;
  readonly gradient: ArenaBuffers;
  readonly clip: GpuBuffer | undefined;
  readonly lr: number;
  /** How many steps these parameters have seen, this one included. */
  readonly age: number;
}

/**
 * What Adam, AdamW and SGD share: gradients gathered into an arena of their own, the norm for clipping, the age of every
 * parameter, and the state for resuming. As in PyTorch, a parameter that no gradient arrived at is left alone: no decay,
 * no momentum, no step counted.
 */
export abstract class Optimizer {
  readonly arena: ParameterArena;
  readonly #schedule: Schedule;
  /** By the names that PyTorch's state has. */
  readonly #moments: Readonly<Record<string, ArenaBuffers>>;
  readonly #gradient: ArenaBuffers;
  readonly #clip: GpuBuffer;
  readonly #ages: Map<Slot, number>;
  #steps = 0;
  #measured = false;
  /** The step whose gradients the arena of gradients holds. */
  #prepared: PreparedStep | undefined;

  constructor(arena: ParameterArena, lr: number | Schedule, moments: readonly string[]) {
    this.arena = arena;
    this.#schedule = typeof lr === 'number' ? () => lr : lr;
    this.#gradient = arena.allocate('gradients');
    this.#moments = Object.fromEntries(moments.map((name) => [name, arena.allocate(name)]));
    this.#clip = arena.device.allocate(8, 'clip');
    this.#ages = new Map(arena.slots.map((slot) => [slot, 0]));
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.#steps;
  }

  /** The learning rate of the next step. */
  get lr(): number {
    return this.#schedule(this.#steps);
  }

  /**
   * Records one step: the parameters change in place. The gradients stay the caller's, who disposes them.
   * @throws AutogradError `autograd-no-gradient` when no gradient of any of the parameters is there
   * @throws ShapeError `attribute-invalid`, LifetimeError `arena-left`, `arena-lent`
   */
  step(gradients: Gradients, options: StepOptions = {}): void {
    this.prepare(gradients, options).apply();
  }

  /**
   * The first half of a step: gathers the gradients and measures their norm; no parameter changes before `apply()`. So
   * a step can be left out when `await gradientNorm()` says that it would do harm. As `step` otherwise.
   */
  prepare(gradients: Gradients, options: StepOptions = {}): PreparedStep {
    return this.prepareGathered(this.gather(gradients), options);
  }

  /**
   * Copies gradients into the optimiser's arena, where the next `gather` overwrites them: what `prepare` begins with. As a
   * part of captured work it is repeated by every replay, whose gradients `prepareGathered` then takes.
   * @throws AutogradError `autograd-no-gradient`
   */
  gather(gradients: Gradients): Gathered {
    const slots = this.arena.slots.filter(({ parameter }) => gradients.of(parameter));
    if (slots.length === 0) {
      throw new AutogradError(
        'autograd-no-gradient',
        'step: no gradient of any of the optimiser’s parameters is there',
        'Pass what backward(loss) returned, for a loss that depends on these parameters.',
      );
    }
    this.#prepared = undefined;
    for (const { parameter, chunk, offset } of slots) {
      const gradient = gradients.of(parameter) as Tensor;
      const to = this.#gradient.chunk(chunk);
      this.arena.device.copy(gradient.buffer('step'), 0, to, offset, byteLength('f32', gradient.size));
    }
    return { slots };
  }

  /** `prepare` for gradients that lie in the arena. Throws as `step` does. */
  prepareGathered({ slots }: Gathered, options: StepOptions = {}): PreparedStep {
    const { lr = this.lr, maxNorm } = options;
    requireRange('step', 'lr', lr, 0, Number.MAX_VALUE);
    if (maxNorm !== undefined) requireRange('step', 'maxNorm', maxNorm, Number.MIN_VALUE, Infinity);
    const having = new Set(slots);
    const runs = this.arena.runs((slot) => (having.has(slot) ? this.#ages.get(slot) : undefined));
    if (maxNorm !== undefined) {
      const segments = runs.map((run) => this.#gradient.segment(run));
      // Infinity measures without clipping; 1e30 does that with numbers that shaders can be trusted with.
      gradientNorm(this.arena.device, segments, this.#clip, Math.min(maxNorm, 1e30));
      this.#measured = true;
    }
    const clip = maxNorm === undefined ? undefined : this.#clip;
    const prepared: PreparedStep = { apply: () => this.#apply(slots, runs, clip, lr, prepared) };
    this.#prepared = prepared;
    return prepared;
  }

  /** Waits for the norm of all gradients in the last step that had a `maxNorm`, before clipping. */
  async gradientNorm(): Promise<number> {
    if (!this.#measured) {
      throw new AutogradError(
        'autograd-no-norm',
        'gradientNorm: no step has measured the norm yet',
        'Call step(gradients, { maxNorm }); maxNorm: Infinity measures without clipping.',
      );
    }
    return new Float32Array(await this.arena.device.read(this.#clip, 0, 4))[0] as number;
  }

  /** Everything that resuming needs, exactly: `step`, `step.<parameter>` and PyTorch's names of the moments. */
  async stateDict(): Promise<Map<string, FileTensor>> {
    const state = await readState(this.arena.slots, this.#moments);
    state.set('step', numberTensor(this.#steps));
    for (const [slot, age] of this.#ages) state.set(`step.${slot.name}`, numberTensor(age));
    return state;
  }

  /** Takes over what `stateDict` gave. @throws ShapeError `state-dict-mismatch` */
  loadStateDict(state: ReadonlyMap<string, FileTensor>): void {
    const what = 'the optimiser’s state';
    const { slots } = this.arena;
    const ages = slots.map((slot) => [slot, readNumber(what, state, `step.${slot.name}`)] as const);
    const steps = readNumber(what, state, 'step');
    writeState(what, slots, this.#moments, state);
    for (const [slot, age] of ages) this.#ages.set(slot, age);
    this.#steps = steps;
  }

  /** Releases moments and gradients; the arena stays. */
  dispose(): void {
    this.#gradient.dispose();
    for (const buffers of Object.values(this.#moments)) buffers.dispose();
    this.#clip.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Records the update of one run. */
  protected abstract update(update: Update): void;

  protected moments(name: string): ArenaBuffers {
    return this.#moments[name] as ArenaBuffers;
  }

  #apply(
    present: readonly Slot[],
    runs: readonly Run[],
    clip: GpuBuffer | undefined,
    lr: number,
    prepared: PreparedStep,
  ): void {
    if (this.#prepared !== prepared) {
      throw new AutogradError(
        'autograd-step-stale',
        'apply: the gradients of this step are gone: it was applied, or another step was prepared since',
        'Apply a prepared step once, before preparing the next.',
      );
    }
    this.arena.touch(this, present);
    this.#prepared = undefined;
    for (const run of runs) {
      const age = this.#ageOf(run.slots[0] as Slot) + 1;
      this.update({ run, gradient: this.#gradient, clip, lr, age });
      for (const slot of run.slots) this.#ages.set(slot, age);
    }
    this.#steps += 1;
  }

  #ageOf(slot: Slot): number {
    return this.#ages.get(slot) ?? 0;
  }
}

/** @throws ShapeError `attribute-invalid` unless lowest ≤ value ≤ highest */
export function requireRange(
  what: string,
  name: string,
  value: number,
  lowest: number,
  highest: number,
): void {
  if (value >= lowest && value <= highest) return;
  throw new ShapeError(
    'attribute-invalid',
    `${what}: ${name} is ${value}`,
    `Pass a number from ${lowest} to ${highest}.`,
  );
}
