import type { PresetName } from '@lua-webgpu/lua-model';

/** What is compared: the sizes of each kind of problem. Images are channels-last; every contender takes its own layout. */
export interface Sizes {
  /** a [rows, k] · b [k, n] */
  matmul: { rows: number; k: number; n: number };
  /** 3×3, padding 1, with a bias: x [1, side, side, cin], weight [3, 3, cin, cout] */
  conv: { side: number; cin: number; cout: number };
  layerNorm: { rows: number; channels: number };
  /** The exact one, with erf. */
  gelu: { rows: number; channels: number };
  /** q, k, v [windows, heads, window², dim] of an image cut into windows, and the relative position bias. */
  attention: { across: number; window: number; heads: number; dim: number };
  /** x [1, side, side, packed], the channels of a sub-pixel together: (dy·factor + dx)·C + c. */
  pixelShuffle: { side: number; packed: number; factor: number };
  /** Real images x [images, side, side] to real and imaginary parts [2, images, side, side]. */
  fft2: { images: number; side: number };
  add: { count: number };
  /** Gradients of mean(gelu(conv(x, weight) + bias)) in all three. */
  training: { side: number; channels: number };
  /** The forward of the light network by its ×2 head: latent [1, 16, side, side] to [1, 16, 2·side, 2·side]. */
  network: { side: number };
  /** A step of `training/step.ts`, with 16 channels. */
  step: { preset: PresetName; batch: number };
}

export type Kind = keyof Sizes;

export type Problem = {
  [K in Kind]: { readonly name: string; readonly kind: K; readonly sizes: Sizes[K] };
}[Kind];

export const problems: readonly Problem[] = [
  { name: 'matmul 512×512×512', kind: 'matmul', sizes: { rows: 512, k: 512, n: 512 } },
  { name: 'matmul 4096×180×180', kind: 'matmul', sizes: { rows: 4096, k: 180, n: 180 } },
  { name: 'matmul 4096×60×60', kind: 'matmul', sizes: { rows: 4096, k: 60, n: 60 } },
  { name: 'conv 3×3 64² 60→60', kind: 'conv', sizes: { side: 64, cin: 60, cout: 60 } },
  { name: 'conv 3×3 128² 64→64', kind: 'conv', sizes: { side: 128, cin: 64, cout: 64 } },
  { name: 'conv 3×3 64² 180→180', kind: 'conv', sizes: { side: 64, cin: 180, cout: 180 } },
  { name: 'LayerNorm 4096×180', kind: 'layerNorm', sizes: { rows: 4096, channels: 180 } },
  { name: 'GELU 4096×360', kind: 'gelu', sizes: { rows: 4096, channels: 360 } },
  {
    name: 'window attention 64 windows × 6 heads × 64 × 30',
    kind: 'attention',
    sizes: { across: 8, window: 8, heads: 6, dim: 30 },
  },
  { name: 'pixel shuffle 64² 240→60', kind: 'pixelShuffle', sizes: { side: 64, packed: 240, factor: 2 } },
  { name: 'FFT2 16×64×64', kind: 'fft2', sizes: { images: 16, side: 64 } },
  { name: 'add 1 M', kind: 'add', sizes: { count: 2 ** 20 } },
  {
    name: 'forward + backward, conv 64² 60→60 + GELU + mean',
    kind: 'training',
    sizes: { side: 64, channels: 60 },
  },
  { name: 'light ×2 forward, 16 channels, 64²', kind: 'network', sizes: { side: 64 } },
  ...[1, 2, 8].map((batch) => ({
    name: `training step of light, batch ${batch}`,
    kind: 'step' as const,
    sizes: { preset: 'light' as const, batch },
  })),
];

/** One way to do each kind of problem; what is absent a contender cannot do. */
export type Recipes<Result> = {
  readonly [K in Kind]?: (sizes: Sizes[K]) => Result;
};

/** @throws Error where there is no recipe for it */
export function cook<Result>(recipes: Recipes<Result>, problem: Problem, absent: string): Result {
  const recipe = recipes[problem.kind] as ((sizes: Problem['sizes']) => Result) | undefined;
  if (!recipe) throw new Error(absent);
  return recipe(problem.sizes);
}

/** Even on [−1, 1], the same in every process; operands of different `seed` are unrelated. */
export function noise(seed: number, count: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let hash = Math.imul(i + 0x9e3779b9 * (seed + 1), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    values[i] = ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 31 - 1;
  }
  return values;
}

/** Operands of a convolution, channels-last; the weights keep the outputs near one. */
export function convOperands({ side, cin, cout }: Sizes['conv']) {
  const scale = (9 * cin) ** -0.5;
  return {
    x: noise(1, side * side * cin),
    weight: noise(2, 9 * cin * cout).map((value) => value * scale),
    bias: noise(3, cout),
  };
}

/** q, k and v [windows, heads, tokens, dim], and the table [(2·window − 1)², heads] of the position bias. */
export function attentionOperands({ across, window, heads, dim }: Sizes['attention']) {
  const count = across ** 2 * heads * window ** 2 * dim;
  return {
    q: noise(1, count),
    k: noise(2, count),
    v: noise(3, count),
    table: noise(4, (2 * window - 1) ** 2 * heads),
  };
}

/** The table spread over pairs of tokens, [heads, tokens, tokens]: what a library without the notion adds. */
export function positionBias({ window, heads }: Sizes['attention'], table: Float32Array): Float32Array {
  const tokens = window ** 2;
  return Float32Array.from({ length: heads * tokens ** 2 }, (_, at) => {
    const [head, i, j] = [Math.floor(at / tokens ** 2), Math.floor(at / tokens) % tokens, at % tokens];
    const dy = Math.floor(i / window) - Math.floor(j / window) + window - 1;
    const dx = (i % window) - (j % window) + window - 1;
    return table[(dy * (2 * window - 1) + dx) * heads + head] as number;
  });
}
