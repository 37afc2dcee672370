import { threefry4x32 } from '@lua-webgpu/kernels';

/** Third word of the counter: what tells these draws from those of a network's layers, which have 0 and 1 there. */
const ORDER = 2;
const CROPS = 3;

/**
 * The order in which an epoch takes the samples: a permutation of 0 … length − 1 as a pure function of seed and epoch
 * (Fisher–Yates with Threefry).
 */
export function epochOrder(seed: number, epoch: number, length: number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  let words: readonly number[] = [];
  for (let last = length - 1; last > 0; last--) {
    const lane = (length - 1 - last) % 4;
    if (lane === 0) words = threefry4x32([(length - 1 - last) / 4, 0, ORDER, 0], [seed, epoch, 0, 0]);
    const other = Math.floor(((words[lane] as number) * (last + 1)) / 2 ** 32);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}

/** The sample at a position of the endless sequence of shuffled epochs. Holds the orders of the last two epochs. */
export class SampleOrder {
  readonly #seed: number;
  readonly #length: number;
  readonly #epochs = new Map<number, Uint32Array>();

  constructor(seed: number, length: number) {
    this.#seed = seed;
    this.#length = length;
  }

  at(position: number): number {
    const epoch = Math.floor(position / this.#length);
    return this.#order(epoch)[position - epoch * this.#length] as number;
  }

  #order(epoch: number): Uint32Array {
    const known = this.#epochs.get(epoch);
    if (known) return known;
    const order = epochOrder(this.#seed, epoch, this.#length);
    this.#epochs.set(epoch, order);
    // A batch may lie across two epochs, and so may what is read ahead of it.
    for (const other of this.#epochs.keys()) if (Math.abs(other - epoch) > 1) this.#epochs.delete(other);
    return order;
  }
}

/**
 * Origin [y, x] of the crop at a position of the sequence, as a pure function of seed and position: multiples of `step`,
 * all of them equally likely.
 */
export function cropOrigin(
  seed: number,
  position: number,
  { side, crop, step }: { readonly side: number; readonly crop: number; readonly step: number },
): readonly [y: number, x: number] {
  const places = Math.floor((side - crop) / step) + 1;
  const counter = [position >>> 0, Math.floor(position / 2 ** 32), CROPS, 0] as const;
  const [a, b] = threefry4x32(counter, [seed, 0, 0, 0]);
  const place = (word: number) => Math.floor((word * places) / 2 ** 32) * step;
  return [place(a), place(b)];
}
