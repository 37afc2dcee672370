import type { MetricLine } from '@lua-webgpu/train';

/** A line of a step, as a trainer writes it. */
export function stepLine(
  step: number,
  part: Partial<Extract<MetricLine, { type: 'step' }>> = {},
): MetricLine {
  return {
    type: 'step',
    step,
    stage: 'I',
    stageStep: step,
    loss: 1 / step,
    terms: { l1_latent: 0.9 / step, fft_latent: 1 / step },
    weighted: { l1_latent: 0.9 / step, fft_latent: 0.1 / step },
    lr: 2e-4,
    gradientNorm: 0.5,
    samplesPerSecond: 8,
    ms: { data: 1, record: 5, gpu: 60, wall: 66 },
    memory: { inUse: 2 ** 20, peak: 2 ** 22 },
    ...part,
  };
}
