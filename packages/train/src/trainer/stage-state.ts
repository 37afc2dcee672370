import type { Device } from '@lua-webgpu/kernels';
import { Lua, type Vae } from '@lua-webgpu/lua-model';
import { Adam, Ema, type FileTensor, ParameterArena } from '@lua-webgpu/tensor';
import { matchesAny, type StageConfig, type TrainConfig } from '../config/index.ts';
import { Objective } from '../losses/index.ts';
import { CapturedPasses } from './captured-passes.ts';

type Tensors = ReadonlyMap<string, FileTensor>;

/** Values of the weights, their average and the optimiser, on the host. */
export interface Snapshot {
  readonly weights: Tensors;
  /** `params_ema.<parameter>`; absent in a stage without an average. */
  readonly ema?: Tensors;
  /** Absent at the beginning of a stage. */
  readonly optimizer?: Tensors;
}

/** Everything of a stage that lives on the device, made from a snapshot at its beginning, on a resume, and after a lost device. */
export class StageState {
  readonly device: Device;
  readonly stage: StageConfig;
  readonly seed: number;
  readonly model: Lua;
  readonly vae: Vae | undefined;
  readonly optimizer: Adam;
  readonly ema: Ema | undefined;
  readonly objective: Objective;
  readonly passes: CapturedPasses;
  readonly #arena: ParameterArena;

  constructor(
    device: Device,
    config: TrainConfig,
    stageIndex: number,
    snapshot: Snapshot,
    vae: Vae | undefined,
  ) {
    const stage = config.stages[stageIndex] as StageConfig;
    this.device = device;
    this.stage = stage;
    this.seed = config.seed;
    this.vae = vae;
    this.model = new Lua(config.model);
    this.model.loadStateDict(device, snapshot.weights);
    for (const [name, parameter] of this.model.namedParameters()) {
      if (!matchesAny(stage.trainable, name)) parameter.freeze();
    }
    const trainable = [...this.model.namedParameters()].filter(([, { requiresGrad }]) => requiresGrad);
    this.#arena = new ParameterArena(trainable);
    this.optimizer = new Adam(this.#arena, {
      lr: stage.lr,
      betas: stage.betas,
      weightDecay: stage.weight_decay,
    });
    if (snapshot.optimizer) this.optimizer.loadStateDict(snapshot.optimizer);
    this.ema = stage.ema === null ? undefined : new Ema(this.#arena, { decay: stage.ema });
    if (snapshot.ema) this.ema?.loadStateDict(averages(snapshot, this.#arena));
    this.objective = new Objective(stage.loss);
    this.passes = new CapturedPasses(this);
  }

  /** Number of values that learn. */
  get trainableParameters(): number {
    return this.#arena.slots.reduce((sum, { parameter }) => sum + product(parameter.shape), 0);
  }

  /** Waits for the device and reads everything back. */
  async snapshot(): Promise<Required<Pick<Snapshot, 'weights' | 'optimizer'>> & Snapshot> {
    const weights = await this.model.stateDict();
    const optimizer = await this.optimizer.stateDict();
    const ema = await this.ema?.stateDict();
    return { weights, optimizer, ...(ema && { ema }) };
  }

  /** Runs `compute` with the average in the weights' place, where the stage has one. */
  async averaged<T>(compute: () => Promise<T>): Promise<T> {
    // What is computed, such as a validation, takes the memory meanwhile.
    this.passes.release();
    return this.ema ? await this.ema.apply(compute) : await compute();
  }

  dispose(): void {
    this.passes.release();
    this.ema?.dispose();
    this.optimizer.dispose();
    this.#arena.dispose();
    this.model.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The averages of the parameters in an arena; of one that was frozen so far, its value. */
function averages({ weights, ema }: Snapshot, arena: ParameterArena): Tensors {
  return new Map(
    arena.slots.map(({ name }) => {
      const key = `params_ema.${name}`;
      return [key, ema?.get(key) ?? (weights.get(name) as FileTensor)];
    }),
  );
}

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
