import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Open, Prepared } from './contender.ts';
import { defineNavigatorGpu, invalidUses } from './navigator.ts';
import {
  attentionOperands,
  convOperands,
  cook,
  noise,
  positionBias,
  type Recipes,
  type Sizes,
} from './problems.ts';

interface Tensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
type Axes = readonly number[];

/** The part of TensorFlow.js that is used; its types come with a package that is not installed here. */
interface Tf {
  setBackend(name: string): Promise<boolean>;
  backend(): {
    readonly device: GPUDevice;
    ensureCommandEncoderReady(): void;
    endComputePassEncoder(): void;
    submitQueue(): void;
  };
  tidy<T>(compute: () => T): T;
  tensor(values: Float32Array, shape: Axes): Tensor;
  scalar(value: number): Tensor;
  matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  conv2d(x: Tensor, filter: Tensor, strides: number, pad: 'same'): Tensor;
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: Tensor | number): Tensor;
  erf(x: Tensor): Tensor;
  rsqrt(x: Tensor): Tensor;
  softmax(x: Tensor): Tensor;
  mean(x: Tensor): Tensor;
  moments(x: Tensor, axis: number, keepDims: boolean): { mean: Tensor; variance: Tensor };
  depthToSpace(x: Tensor, factor: number, format: 'NHWC'): Tensor;
  complex(real: Tensor, imaginary: Tensor): Tensor;
  real(x: Tensor): Tensor;
  imag(x: Tensor): Tensor;
  fft(x: Tensor): Tensor;
  stack(parts: readonly Tensor[]): Tensor;
  zerosLike(x: Tensor): Tensor;
  reshape(x: Tensor, shape: Axes): Tensor;
  transpose(x: Tensor, order: Axes): Tensor;
  grads(f: (...operands: Tensor[]) => Tensor): (operands: readonly Tensor[]) => Tensor[];
  readonly fused: {
    conv2d(options: { x: Tensor; filter: Tensor; bias: Tensor; strides: number; pad: 'same' }): Tensor;
  };
}

type Build = (tf: Tf) => () => Tensor[];

const gelu = (tf: Tf, x: Tensor) =>
  tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), tf.scalar(1)));

function convTensors(tf: Tf, sizes: Sizes['conv']) {
  const { side, cin, cout } = sizes;
  const { x, weight, bias } = convOperands(sizes);
  return {
    x: tf.tensor(x, [1, side, side, cin]),
    filter: tf.tensor(weight, [3, 3, cin, cout]),
    bias: tf.tensor(bias, [cout]),
  };
}

const recipes: Recipes<Build> = {
  matmul:
    ({ rows, k, n }) =>
    (tf) => {
      const a = tf.tensor(noise(1, rows * k), [rows, k]);
      const b = tf.tensor(noise(2, k * n), [k, n]);
      return () => [tf.matMul(a, b)];
    },

  conv: (sizes) => (tf) => {
    const operands = convTensors(tf, sizes);
    return () => [tf.fused.conv2d({ ...operands, strides: 1, pad: 'same' })];
  },

  layerNorm:
    ({ rows, channels }) =>
    (tf) => {
      const x = tf.tensor(noise(1, rows * channels), [rows, channels]);
      const weight = tf.tensor(noise(2, channels), [channels]);
      const bias = tf.tensor(noise(3, channels), [channels]);
      const epsilon = tf.scalar(1e-5);
      return () => {
        const { mean, variance } = tf.moments(x, 1, true);
        const scale = tf.mul(tf.rsqrt(tf.add(variance, epsilon)), weight);
        return [tf.add(tf.mul(tf.sub(x, mean), scale), bias)];
      };
    },

  gelu:
    ({ rows, channels }) =>
    (tf) => {
      const x = tf.tensor(noise(1, rows * channels), [rows, channels]);
      return () => [gelu(tf, x)];
    },

  attention: (sizes) => (tf) => {
    const { across, window, heads, dim } = sizes;
    const { q, k, v, table } = attentionOperands(sizes);
    const tokens = window ** 2;
    const shape = [across ** 2, heads, tokens, dim];
    const [queries, keys, values] = [tf.tensor(q, shape), tf.tensor(k, shape), tf.tensor(v, shape)];
    const bias = tf.tensor(positionBias(sizes, table), [1, heads, tokens, tokens]);
    return () => {
      const scores = tf.matMul(tf.mul(queries, dim ** -0.5), keys, false, true);
      return [tf.matMul(tf.softmax(tf.add(scores, bias)), values)];
    };
  },

  pixelShuffle:
    ({ side, packed, factor }) =>
    (tf) => {
      const x = tf.tensor(noise(1, side * side * packed), [1, side, side, packed]);
      return () => [tf.depthToSpace(x, factor, 'NHWC')];
    },

  fft2:
    ({ images, side }) =>
    (tf) => {
      const x = tf.tensor(noise(1, images * side * side), [images, side, side]);
      // The parts of what fft returns are of another shape than the whole.
      const shape = [images, side, side];
      const turn = (part: Tensor) => tf.transpose(tf.reshape(part, shape), [0, 2, 1]);
      const turned = (z: Tensor) => tf.complex(turn(tf.real(z)), turn(tf.imag(z)));
      return () => {
        const z = turned(tf.fft(turned(tf.fft(tf.complex(x, tf.zerosLike(x))))));
        return [tf.stack([tf.real(z), tf.imag(z)])];
      };
    },

  add:
    ({ count }) =>
    (tf) => {
      const [a, b] = [tf.tensor(noise(1, count), [count]), tf.tensor(noise(2, count), [count])];
      return () => [tf.add(a, b)];
    },

  training:
    ({ side, channels }) =>
    (tf) => {
      const { x, filter, bias } = convTensors(tf, { side, cin: channels, cout: channels });
      const gradients = tf.grads((...operands) => {
        const [image, weight, offset] = operands as [Tensor, Tensor, Tensor];
        return tf.mean(
          gelu(tf, tf.fused.conv2d({ x: image, filter: weight, bias: offset, strides: 1, pad: 'same' })),
        );
      });
      return () => gradients([x, filter, bias]);
    },
};

export const open: Open = async ({ adapter, folder }) => {
  await defineNavigatorGpu(adapter);
  const load = createRequire(join(folder, 'package.json'));
  const tf: Tf = load('@tensorflow/tfjs-core');
  load('@tensorflow/tfjs-backend-webgpu');
  // The package registers none by itself.
  load('@tensorflow/tfjs-core/dist/register_all_gradients');
  if (!(await tf.setBackend('webgpu'))) throw new Error('its webgpu backend does not start');
  const { device } = tf.backend();
  const throwInvalid = invalidUses(device);
  /** It submits every fifteen dispatches, and at a read-back. */
  const submit = () => {
    const backend = tf.backend();
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
  };
  return {
    async prepare(problem): Promise<Prepared> {
      const compute = cook(recipes, problem, 'it reads no ONNX graph')(tf);
      return {
        async run() {
          for (const result of tf.tidy(compute)) result.dispose();
          submit();
          await device.queue.onSubmittedWorkDone();
          throwInvalid();
        },
        async read() {
          const results = tf.tidy(compute);
          const outputs = await Promise.all(results.map((each) => each.data()));
          for (const result of results) result.dispose();
          throwInvalid();
          return outputs;
        },
        // The process ends with the bench: what one problem holds is small.
        dispose: () => undefined,
      };
    },
  };
};
