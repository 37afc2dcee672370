/** The learning rate of a step, from the number of steps that came before it: a pure function, so nothing to save. */
export type Schedule = (step: number) => number;

/** `lr`, multiplied by `gamma` at each milestone that has been reached (PyTorch's MultiStepLR). */
export function multiStep(options: {
  readonly lr: number;
  readonly milestones: readonly number[];
  readonly gamma: number;
}): Schedule {
  const { lr, milestones, gamma } = options;
  return (step) => lr * gamma ** milestones.filter((milestone) => milestone <= step).length;
}

/**
 * Half a cosine from `lr` down to `minimum` (0 by default) within `steps`, held from then on (Loshchilov & Hutter 2017,
 * arXiv 1608.03983, without restarts; PyTorch's CosineAnnealingLR).
 */
export function cosine(options: {
  readonly lr: number;
  readonly steps: number;
  readonly minimum?: number;
}): Schedule {
  const { lr, steps, minimum = 0 } = options;
  return (step) => minimum + ((lr - minimum) * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps))) / 2;
}

/** Another schedule times a factor that rises linearly from `startFactor` (1/3 by default) to 1 (PyTorch's LinearLR). */
export function linearWarmUp(
  schedule: Schedule,
  options: { readonly steps: number; readonly startFactor?: number },
): Schedule {
  const { steps, startFactor = 1 / 3 } = options;
  return (step) => schedule(step) * (step >= steps ? 1 : startFactor + ((1 - startFactor) * step) / steps);
}
