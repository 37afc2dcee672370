import { type Device, openDevice } from '@lua-webgpu/kernels';
import type { CommandContext } from './command.ts';

/** Opens the adapter, lets `use` work with it and destroys the device whatever comes of that. */
export async function withDevice<T>(
  adapter: string | undefined,
  { output, signal }: CommandContext,
  use: (device: Device) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const device = await openDevice({ adapter, onNotice: (line) => output.note(line) });
  try {
    return await use(device);
  } finally {
    device.destroy();
  }
}

/** Milliseconds that named phases took, to a hundredth. */
export class Stopwatch {
  readonly #ms = new Map<string, number>();
  readonly #begin = performance.now();

  /** Begins a phase that ends with `stop`; phases of one name add up. */
  start(phase: string): { stop(): void } {
    const start = performance.now();
    const before = this.#ms.get(phase) ?? 0;
    return { stop: () => void this.#ms.set(phase, before + performance.now() - start) };
  }

  async time<T>(phase: string, work: () => T | Promise<T>): Promise<T> {
    const timer = this.start(phase);
    const result = await work();
    timer.stop();
    return result;
  }

  /** The phases, and `total` since this was made. */
  report(): Record<string, number> {
    const all = [...this.#ms, ['total', performance.now() - this.#begin] as const];
    return Object.fromEntries(all.map(([phase, ms]) => [phase, Math.round(ms * 100) / 100]));
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
