import { type Device, type GpuBuffer, pick } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, read, write } from '../wgsl/index.ts';
import { bothOrders, orderLibrary, pieces, type Segment } from './order.ts';

export interface SgdOptions {
  readonly lr: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/** Segments of one length. */
export interface SgdSegments {
  readonly parameter: Segment;
  readonly gradient: Segment;
  /** What momentum accumulates in; used where the momentum is not 0. */
  readonly velocity?: Segment | undefined;
  /** What `gradientNorm` left: the gradient is multiplied with its second element. */
  readonly clip?: GpuBuffer | undefined;
}

export const sgdKernel = defineKernel({
  name: 'optim/sgd',
  source: shaders['optim/sgd.wgsl'],
  libraries: orderLibrary,
  constants: {
    MOMENTUM: [false, true],
    NESTEROV: [false, true],
    CLIP: [false, true],
    ADJACENT: [false, true],
  },
  bindings: {
    parameter: write('vec4f'),
    gradient: read('vec4f'),
    velocity: write('vec4f', 'MOMENTUM'),
    clip: read('f32', 'CLIP'),
  },
  params: { count: 'u32', lr: 'f32', momentum: 'f32', decay: 'f32' },
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / 256)),
  cost: ({ count }, { MOMENTUM }) => ({ flops: 24 * count, bytes: (MOMENTUM ? 5 : 3) * 16 * count }),
});

interface SgdShape {
  readonly momentum: boolean;
  readonly nesterov: boolean;
  readonly clip: boolean;
}

export const sgdFamily = bothOrders('sgd', sgdKernel, ({ momentum, nesterov, clip }: SgdShape) => ({
  MOMENTUM: momentum,
  NESTEROV: nesterov,
  CLIP: clip,
}));

/** Records one step in place, over segments of `bytes` bytes. @throws KernelError `kernel-forced` */
export function sgd(device: Device, segments: SgdSegments, bytes: number, options: SgdOptions): void {
  const { parameter, gradient, velocity, clip } = segments;
  const { lr, momentum, nesterov, weightDecay } = options;
  const shape = { momentum: momentum !== 0, nesterov, clip: clip !== undefined };
  const variant = pick(sgdFamily, device, shape);
  for (const { ranges, count } of pieces('sgd', device, bytes, { parameter, gradient, velocity })) {
    device.dispatch(variant.kernel, {
      buffers: { ...ranges, clip },
      params: { count, lr, momentum, decay: weightDecay },
      constants: variant.constants(shape),
    });
  }
}
