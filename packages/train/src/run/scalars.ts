import type { MetricLine } from './lines.ts';

/** What TensorBoard is told of a line, by tag. */
export function scalarsOf(line: MetricLine): Map<string, number> {
  switch (line.type) {
    case 'step':
      return new Map([
        ['train/loss', line.loss],
        ['train/lr', line.lr],
        ['train/gradient_norm', line.gradientNorm],
        ['train/samples_per_second', line.samplesPerSecond],
        ...under('terms', line.terms),
        ...under('weighted', line.weighted),
        ...under('ms', line.ms),
        ['memory/in_use', line.memory.inUse],
        ['memory/peak', line.memory.peak],
      ]);
    case 'validation':
      return new Map([
        ...Object.entries(line.psnr).flatMap(([scale, values]) => under(`psnr/${scale}`, { ...values })),
        ...(typeof line.l1_latent === 'number'
          ? under('validation', { l1_latent: line.l1_latent })
          : under('l1_latent', line.l1_latent ?? {})),
      ]);
    default:
      return new Map();
  }
}

function under(group: string, values: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(values).map(([name, value]) => [`${group}/${name}`, value]);
}
