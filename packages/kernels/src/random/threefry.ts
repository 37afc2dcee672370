type Words = readonly [number, number, number, number];

const rotations = [10, 26, 11, 21, 13, 27, 23, 5, 6, 20, 17, 11, 25, 10, 18, 20];

const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));

/**
 * Threefry-4x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), the function of
 * threefry.wgsl on the host. Words are u32.
 */
export function threefry4x32(counter: Words, key: Words): Words {
  const keys = [...key, 0x1bd11bda ^ key[0] ^ key[1] ^ key[2] ^ key[3]];
  const x = counter.map((word, i) => (word + (key[i] as number)) | 0);
  const mix = (to: number, from: number, by: number) => {
    x[to] = ((x[to] as number) + (x[from] as number)) | 0;
    x[from] = rotate(x[from] as number, by) ^ x[to];
  };
  for (let round = 0; round < 20; round++) {
    const [one, other] = round % 2 === 0 ? [1, 3] : [3, 1];
    mix(0, one, rotations[(2 * round) % 16] as number);
    mix(2, other, rotations[(2 * round + 1) % 16] as number);
    if (round % 4 !== 3) continue;
    const injection = (round + 1) / 4;
    for (let i = 0; i < 4; i++) x[i] = ((x[i] as number) + (keys[(injection + i) % 5] as number)) | 0;
    x[3] = ((x[3] as number) + injection) | 0;
  }
  return x.map((word) => word >>> 0) as unknown as Words;
}

/** Which random numbers: all u32. Every layer of a network takes a stream of its own. */
export interface RandomKey {
  readonly seed: number;
  readonly step: number;
  readonly stream: number;
}

const top = (word: number) => (word >>> 8) / 2 ** 24;

/** The number of one element of a sample, uniform in [0, 1) in steps of 2⁻²⁴. */
export function uniformOfElement({ seed, step, stream }: RandomKey, sample: number, element: number): number {
  const words = threefry4x32([Math.floor(element / 4), sample, 0, 0], [seed, step, stream, 0]);
  return top(words[element % 4] as number);
}

/** The number of a whole sample, uniform in [0, 1) in steps of 2⁻²⁴. */
export function uniformOfSample({ seed, step, stream }: RandomKey, sample: number): number {
  return top(threefry4x32([0, sample, 1, 0], [seed, step, stream, 0])[0]);
}

/** Elements whose number, in steps of 2⁻²⁴, is below this are dropped. */
export const dropThreshold = (p: number): number => Math.round(p * 2 ** 24);
