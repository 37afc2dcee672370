import { type Device, type OpenOptions, openDevice } from '@lua-webgpu/kernels';
import type { CommandContext } from './command.ts';
import type { Phase } from './trace.ts';

/** What needs float32 throughout: gradients, of which many are too small for float16, the self-test, and picks that all commands use. */
export const exact = { float32MatmulPrecision: 'highest' } as const;

/** Opens the adapter, lets `use` work with it and destroys the device whatever comes of that. */
export async function withDevice<T>(
  adapter: string | undefined,
  { output, signal }: CommandContext,
  use: (device: Device) => Promise<T>,
  options: Pick<OpenOptions, 'float32MatmulPrecision'> = {},
): Promise<T> {
  signal.throwIfAborted();
  const device = await openDevice({ ...options, adapter, onNotice: (line) => output.note(line) });
  try {
    return await use(device);
  } finally {
    device.destroy();
  }
}

/** Milliseconds that named phases took, to a hundredth. */
export class Stopwatch {
  readonly #phases: Phase[] = [];
  readonly #begin = performance.now();

  /** Begins a phase that ends with `stop`; phases of one name add up. */
  start(name: string): { stop(): void } {
    const begin = performance.now();
    return { stop: () => void this.#phases.push({ name, begin, end: performance.now() }) };
  }

  async time<T>(phase: string, work: () => T | Promise<T>): Promise<T> {
    const timer = this.start(phase);
    const result = await work();
    timer.stop();
    return result;
  }

  /** The phases, and `total` since this was made. */
  report(): Record<string, number> {
    const sums = new Map<string, number>();
    for (const { name, begin, end } of this.#phases) sums.set(name, (sums.get(name) ?? 0) + end - begin);
    const all = [...sums, ['total', performance.now() - this.#begin] as const];
    return Object.fromEntries(all.map(([phase, ms]) => [phase, Math.round(ms * 100) / 100]));
  }

  /** Every phase that has ended, in the order of their ends. */
  phases(): readonly Phase[] {
    return this.#phases;
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
