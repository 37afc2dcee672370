import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Open, Prepared } from '../contender.ts';
import { channelsFirst, channelsLast, transposed } from '../layout.ts';
import { defineNavigatorGpu, invalidUses } from '../navigator.ts';
import {
  attentionOperands,
  convOperands,
  cook,
  noise,
  positionBias,
  type Recipes,
  type Sizes,
} from '../problems.ts';
import type { Arr, Jax } from './api.ts';
import { prepareStep } from './step.ts';

interface Built {
  readonly operands: readonly Arr[];
  compute(...operands: Arr[]): Arr[];
  unpack?(outputs: Float32Array[]): Float32Array[];
}
type Build = (
  jax: Jax,
  array: (values: Float32Array, shape: readonly number[]) => Arr,
  /** The exported network. */
  network: () => OnnxModel,
) => Built;

/** What @jax-js/onnx makes of a file. */
interface OnnxModel {
  run(inputs: Readonly<Record<string, Arr>>): Readonly<Record<string, Arr>>;
}

/** PyTorch's layouts: images [1, C, H, W], weights [out, in, 3, 3]. */
function convArrays(array: Parameters<Build>[1], sizes: Sizes['conv']): Arr[] {
  const { side, cin, cout } = sizes;
  const { x, weight, bias } = convOperands(sizes);
  return [
    array(channelsFirst(x, side, cin), [1, cin, side, side]),
    array(transposed(weight, [9, cin, cout], [2, 1, 0]), [cout, cin, 3, 3]),
    array(bias, [1, cout, 1, 1]),
  ];
}

const conv = (jax: Jax, x: Arr, weight: Arr, bias: Arr) => jax.lax.conv(x, weight, [1, 1], 'SAME').add(bias);

const recipes: Recipes<Build> = {
  matmul:
    ({ rows, k, n }) =>
    (jax, array) => ({
      operands: [array(noise(1, rows * k), [rows, k]), array(noise(2, k * n), [k, n])],
      compute: (a, b) => [jax.numpy.matmul(a as Arr, b as Arr)],
    }),

  conv: (sizes) => (jax, array) => ({
    operands: convArrays(array, sizes),
    compute: (...operands) => [conv(jax, ...(operands as [Arr, Arr, Arr]))],
    unpack: ([out = new Float32Array()]) => [channelsLast(out, sizes.side, sizes.cout)],
  }),

  layerNorm:
    ({ rows, channels }) =>
    (jax, array) => ({
      operands: [
        array(noise(1, rows * channels), [rows, channels]),
        array(noise(2, channels), [channels]),
        array(noise(3, channels), [channels]),
      ],
      compute: (x, weight, bias) => [
        jax.nn
          .standardize(x as Arr, -1, { epsilon: 1e-5 })
          .mul(weight as Arr)
          .add(bias as Arr),
      ],
    }),

  gelu:
    ({ rows, channels }) =>
    (jax, array) => ({
      operands: [array(noise(1, rows * channels), [rows, channels])],
      compute: (x) => [jax.nn.gelu(x as Arr, { approximate: false })],
    }),

  attention: (sizes) => (jax, array) => {
    const { across, window, heads, dim } = sizes;
    const { q, k, v, table } = attentionOperands(sizes);
    const tokens = window ** 2;
    const shape = [across ** 2, heads, tokens, dim];
    return {
      operands: [
        ...[q, k, v].map((each) => array(each, shape)),
        array(positionBias(sizes, table), [1, heads, tokens, tokens]),
      ],
      compute: (...operands) => {
        const [queries, keys, values, bias] = operands as [Arr, Arr, Arr, Arr];
        const scores = jax.numpy.matmul(queries.mul(dim ** -0.5), keys.transpose([0, 1, 3, 2]));
        return [jax.numpy.matmul(jax.nn.softmax(scores.add(bias), -1), values)];
      },
    };
  },

  pixelShuffle:
    ({ side, packed, factor }) =>
    (_, array) => {
      const channels = packed / factor ** 2;
      return {
        operands: [array(noise(1, side * side * packed), [side, side, factor, factor, channels])],
        compute: (x) => [
          (x as Arr).transpose([0, 2, 1, 3, 4]).reshape([1, side * factor, side * factor, channels]),
        ],
      };
    },

  fft2:
    ({ images, side }) =>
    (jax, array) => ({
      operands: [array(noise(1, images * side * side), [images, side, side])],
      compute: (x) => {
        const imag = jax.numpy.zerosLike((x as Arr).ref);
        const { real, imag: imaginary } = jax.numpy.fft.fft2({ real: x as Arr, imag });
        return [real, imaginary];
      },
      unpack: (parts) => {
        const joined = new Float32Array(2 * images * side * side);
        parts.forEach((part, i) => void joined.set(part, i * images * side * side));
        return [joined];
      },
    }),

  add:
    ({ count }) =>
    (_, array) => ({
      operands: [array(noise(1, count), [count]), array(noise(2, count), [count])],
      compute: (a, b) => [(a as Arr).add(b as Arr)],
    }),

  training:
    ({ side, channels }) =>
    (jax, array) => {
      const loss = (...operands: Arr[]) =>
        jax.nn.gelu(conv(jax, ...(operands as [Arr, Arr, Arr])), { approximate: false }).mean();
      return {
        operands: convArrays(array, { side, cin: channels, cout: channels }),
        compute: jax.grad(loss, { argnums: [0, 1, 2] }),
        unpack: ([x, weight, bias] = []) => [
          channelsLast(x as Float32Array, side, channels),
          transposed(weight as Float32Array, [channels, channels, 9], [2, 1, 0]),
          bias as Float32Array,
        ],
      };
    },

  /** The graph's probe is thrown away. */
  network:
    ({ side }) =>
    (_, array, read) => {
      const model = read();
      return {
        operands: [array(noise(1, 16 * side * side), [1, 16, side, side])],
        compute: (x) => {
          const { y, probe } = model.run({ x: x as Arr });
          probe?.dispose();
          return [y as Arr];
        },
      };
    },
};

export const open: Open = async ({ adapter, folder }) => {
  await defineNavigatorGpu(adapter);
  const load = createRequire(join(folder, 'package.json'));
  const jax: Jax = load('@jax-js/jax');
  const onnx: { readonly ONNXModel: new (file: Uint8Array) => OnnxModel } = load('@jax-js/onnx');
  if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('its webgpu backend does not start');
  jax.defaultDevice('webgpu');
  const throwInvalid = invalidUses(jax.getWebGPUDevice());
  const array = (values: Float32Array, shape: readonly number[]) => jax.numpy.array(values).reshape(shape);
  return {
    async prepare(problem, file): Promise<Prepared> {
      const exported = () => {
        if (!file) throw new Error('the network was not exported');
        return file;
      };
      if (problem.kind === 'step') return prepareStep(jax, problem.sizes, exported(), throwInvalid);
      const read = () => new onnx.ONNXModel(exported());
      const { operands, compute, unpack } = cook(recipes, problem, 'no such op')(jax, array, read);
      const compiled = jax.jit(compute);
      const results = () => compiled(...operands.map((each) => each.ref));
      return {
        async run() {
          const outputs = results();
          await jax.blockUntilReady(outputs);
          for (const each of outputs) each.dispose();
          throwInvalid();
        },
        async read() {
          const outputs: Float32Array[] = [];
          for (const each of results()) outputs.push(await each.data());
          throwInvalid();
          return unpack?.(outputs) ?? outputs;
        },
        dispose() {
          for (const each of operands) each.dispose();
        },
      };
    },
  };
};
