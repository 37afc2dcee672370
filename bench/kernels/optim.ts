import {
  type AdamSegments,
  adam,
  adamKernel,
  averageKernel,
  type Device,
  gradientNorm,
  movingAverage,
  type Segment,
  sgd,
  sgdKernel,
} from '@lua-webgpu/kernels';
import { dropout, openScope, stochasticDepth, type Tensor } from '@lua-webgpu/tensor';
import type { BenchCase } from '../case.ts';

/** Parameters of a small network, in bytes. */
const bytes = 4 * 2 ** 20;
const count = bytes / 16;

/** One kernel over segments of a million parameters. */
const segmentCase = (
  name: string,
  cost: { flops: number; bytes: number },
  run: (device: Device, segment: (index: number) => Segment) => void,
): BenchCase => ({
  name: `${name} of 1 M parameters`,
  async setup(device) {
    const buffers = Array.from({ length: 4 }, () => device.upload(new Float32Array(bytes / 4).fill(0.5)));
    const segment = (index: number) => ({
      buffer: buffers[index] as (typeof buffers)[0],
      offset: 0,
      size: bytes,
    });
    return {
      run: () => run(device, segment),
      ...cost,
      dispose: () => {
        for (const buffer of buffers) buffer.release();
      },
    };
  },
});

const adamSegments = (segment: (index: number) => Segment): AdamSegments => ({
  parameter: segment(0),
  gradient: segment(1),
  firstMoment: segment(2),
  secondMoment: segment(3),
});
const adamParams = {
  ...{ count, beta1: 0.9, rest1: 0.1, beta2: 0.99, rest2: 0.01, eps: 1e-8 },
  ...{ decay: 0, step_size: 1e-4, correction: 1 },
};

/** Through the tensor API, allocation of the result included. */
const dropCase = (name: string, run: (x: Tensor) => Tensor): BenchCase => ({
  name: `${name} 8×1024×60`,
  async setup(device) {
    const scope = openScope(device);
    const x = scope.tensor(new Float32Array(8 * 1024 * 60).fill(1), [8, 1024, 60]);
    return { run: () => run(x).dispose(), flops: x.size, bytes: 8 * x.size, dispose: () => scope.dispose() };
  },
});
const key = { p: 0.1, seed: 1, step: 2 };

export const cases: BenchCase[] = [
  segmentCase('Adam', adamKernel.cost(adamParams, {}), (device, segment) => {
    const options = {
      lr: 1e-4,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      decoupled: false,
      step: 9,
    };
    adam(device, adamSegments(segment), bytes, options);
  }),
  segmentCase(
    'SGD with momentum',
    sgdKernel.cost({ count, lr: 0, momentum: 0.9, decay: 0 }, { MOMENTUM: true }),
    (device, segment) => {
      const segments = { parameter: segment(0), gradient: segment(1), velocity: segment(2) };
      sgd(device, segments, bytes, { lr: 1e-4, momentum: 0.9, nesterov: false, weightDecay: 0 });
    },
  ),
  segmentCase('EMA', averageKernel.cost({ count, decay: 0, rest: 0 }, {}), (device, segment) => {
    movingAverage(device, { average: segment(0), x: segment(1) }, bytes, 0.999);
  }),
  segmentCase('gradient norm', { flops: 2 * (bytes / 4), bytes }, (device, segment) => {
    gradientNorm(device, [segment(0)], segment(1).buffer, 0.4);
  }),
  dropCase('dropout', (x) => dropout(x, key)),
  dropCase('stochastic depth', (x) => stochasticDepth(x, key)),
];
