import { type Device, type GpuBuffer, pick } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';
import { bothOrders, orderLibrary, pieces, type Segment } from './order.ts';

export interface AdamOptions {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Positive. */
  readonly eps: number;
  readonly weightDecay: number;
  /** True for AdamW: the decay acts on the parameter instead of on the gradient. */
  readonly decoupled: boolean;
  /** Number of this step, from 1. */
  readonly step: number;
}

/** Segments of one length. */
export interface AdamSegments {
  readonly parameter: Segment;
  readonly gradient: Segment;
  readonly firstMoment: Segment;
  readonly secondMoment: Segment;
  /** What `gradientNorm` left: the gradient is multiplied with its second element. */
  readonly clip?: GpuBuffer | undefined;
}

export const adamKernel = defineKernel({
  name: 'optim/adam',
  source: shaders['optim/adam.wgsl'],
  libraries: orderLibrary,
  constants: { DECAY: [0, 1, 2], CLIP: [false, true], ADJACENT: [false, true] },
  bindings: {
    parameter: write('vec4f'),
    gradient: read('vec4f'),
    first_moment: write('vec4f'),
    second_moment: write('vec4f'),
    clip: read('f32', 'CLIP'),
  },
  params: {
    count: 'u32',
    beta1: 'f32',
    rest1: 'f32',
    beta2: 'f32',
    rest2: 'f32',
    eps: 'f32',
    decay: 'f32',
    step_size: 'f32',
    correction: 'f32',
  },
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 256)),
  check: ({ eps }) => (eps > 0 ? undefined : 'takes a positive eps'),
  cost: ({ count }) => ({ flops: 64 * count, bytes: 7 * 16 * count }),
});

interface AdamShape {
  readonly decay: 0 | 1 | 2;
  readonly clip: boolean;
}

export const adamFamily = bothOrders('adam', adamKernel, ({ decay, clip }: AdamShape) => ({
  DECAY: decay,
  CLIP: clip,
}));

/** Records one step in place, over segments of `bytes` bytes. @throws KernelError `kernel-forced` */
export function adam(device: Device, segments: AdamSegments, bytes: number, options: AdamOptions): void {
  const { lr, beta1, beta2, eps, weightDecay, decoupled, step } = options;
  const { parameter, gradient, firstMoment, secondMoment, clip } = segments;
  const decay = weightDecay === 0 ? 0 : decoupled ? 2 : 1;
  const shape = { decay, clip: clip !== undefined } as const;
  const variant = pick(adamFamily, device, shape);
  const split = { parameter, gradient, first_moment: firstMoment, second_moment: secondMoment };
  for (const { ranges, count } of pieces('adam', device, bytes, split)) {
    device.dispatch(variant.kernel, {
      buffers: { ...ranges, clip },
      params: {
        count,
        beta1,
        rest1: 1 - beta1,
        beta2,
        rest2: 1 - beta2,
        eps,
        decay: decoupled ? 1 - lr * weightDecay : weightDecay,
        step_size: lr / (1 - beta1 ** step),
        correction: Math.sqrt(1 - beta2 ** step),
      },
      constants: variant.constants(shape),
    });
  }
}
