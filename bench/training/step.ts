import type { Device } from '@lua-webgpu/kernels';
import { createLua, type Lua, type LuaConfig, type RunBlock } from '@lua-webgpu/lua-model';
import { Adam, add, backward, Ema, openScope, ParameterArena, Tape, type Tensor } from '@lua-webgpu/tensor';
import { Objective, stageObjectives } from '@lua-webgpu/train';

/** What one step took. */
export interface StepReport {
  readonly loss: number;
  /** Time in which commands were recorded, and until the loss was read back. */
  readonly recordingMs: number;
  readonly ms: number;
  /** Processor time of all threads, a software adapter's included: what other programs on the machine change least. */
  readonly processorMs: number;
  /** Bytes kept for the backward pass, and with the gradients. */
  readonly saved: number;
  readonly gradients: number;
}

export interface TrainingStep {
  /** What is allocated before the first step, in bytes. */
  readonly memory: readonly (readonly [name: string, bytes: number])[];
  readonly model: Lua;
  readonly optimizer: Adam;
  /** A step by the ops. */
  run(): Promise<StepReport>;
  /** A step whose passes are captured in the first call and replayed in the next ones, as the trainer's are. */
  replay(): Promise<StepReport>;
  dispose(): void;
}

/** What a step learns with. */
export const hyperparameters = {
  lr: 2e-4,
  betas: [0.9, 0.995],
  eps: 1e-8,
  maxNorm: 0.4,
  decay: 0.999,
} as const;

/** A batch of each scale, and what both are to become: values [batch, in_chans, side, side]. */
export function stepData(config: LuaConfig, batch: number) {
  const latent = (side: number, seed: number) => ({
    shape: [batch, config.in_chans, side, side],
    values: Float32Array.from({ length: batch * config.in_chans * side * side }, (_, i) =>
      Math.sin(seed + 1.7 * i),
    ),
  });
  return {
    inputs: [
      { scale: 2, ...latent(32, 1) },
      { scale: 4, ...latent(16, 2) },
    ],
    target: latent(64, 3),
  };
}

/** Stage I: ×2 pairs 32² → 64² and ×4 pairs 16² → 64², both heads, the stage's objective, Adam and EMA. */
export function trainingStep(
  device: Device,
  { config, batch, runBlock }: { config: LuaConfig; batch: number; runBlock: RunBlock },
): TrainingStep {
  const memory: [string, number][] = [];
  let before = 0;
  const note = (name: string) => {
    const { inUse } = device.memory();
    memory.push([name, inUse - before]);
    before = inUse;
  };

  const { lr, betas, eps, maxNorm, decay } = hyperparameters;
  const model = createLua(device, config);
  const arena = new ParameterArena(model.namedParameters());
  note('parameters');
  const objective = new Objective(stageObjectives.I);
  const optimizer = new Adam(arena, { lr, betas, eps });
  const ema = new Ema(arena, { decay });
  note('moments and EMA');
  const data = openScope(device);
  const batches = stepData(config, batch);
  const inputs = batches.inputs.map(({ scale, values, shape }) => ({
    scale,
    input: data.tensor(values, shape),
  }));
  const target = data.tensor(batches.target.values, batches.target.shape);
  note('one batch');

  const clock = () => ({ began: performance.now(), used: process.cpuUsage() });
  let saved = 0;
  let held = 0;
  const passes = () => {
    using scope = data.child();
    using tape = new Tape();
    const start = device.memory().inUse;
    const losses = inputs.map(({ scale, input }) => {
      const x = tape.constant(scope.borrow(input));
      const prediction = model.forward(x, [scale], runBlock).get(scale) as Tensor;
      const { total } = objective.evaluate({ latent: prediction }, { latent: target });
      prediction.dispose();
      return total;
    });
    const total = losses.reduce((sum, each) => add(sum, each));
    saved = device.memory().inUse - start;
    using gradients = backward(total);
    held = device.memory().inUse - start;
    return { total: data.borrow(total.detach()), gathered: optimizer.gather(gradients) };
  };
  const finish = async (
    { total, gathered }: ReturnType<typeof passes>,
    { began, used }: ReturnType<typeof clock>,
  ): Promise<StepReport> => {
    optimizer.prepareGathered(gathered, { maxNorm }).apply();
    ema.update();
    const recordingMs = performance.now() - began;
    const [loss = Number.NaN] = await total.readFloats();
    const { user, system } = process.cpuUsage(used);
    const ms = performance.now() - began;
    return { loss, recordingMs, ms, processorMs: (user + system) / 1e3, saved, gradients: held };
  };
  let captured: ReturnType<typeof device.capture<ReturnType<typeof passes>>> | undefined;

  return {
    memory,
    model,
    optimizer,
    async run() {
      const begun = clock();
      const found = passes();
      const report = await finish(found, begun);
      found.total.dispose();
      return report;
    },
    replay() {
      const begun = clock();
      if (captured) captured.capture.replay();
      captured ??= device.capture(passes);
      return finish(captured.result, begun);
    },
    dispose() {
      captured?.capture.release();
      for (const each of [data, ema, optimizer, arena, model]) each.dispose();
    },
  };
}
