import { channelsFirst, channelsLast, transposed } from '../layout.ts';
import {
  attentionOperands,
  convOperands,
  noise,
  positionBias,
  type Recipes,
  type Sizes,
} from '../problems.ts';
import { Graph } from './graph.ts';

/** A problem as an ONNX graph from inputs to the output `y`; `probe` is one value of it. */
export interface OnnxProblem {
  readonly model: Uint8Array;
  /** What the provider for WebGPU is to keep images in, where its default is slower. */
  readonly layout?: 'NCHW';
  readonly inputs: Readonly<
    Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>
  >;
  readonly shape: readonly number[];
  unpack?(y: Float32Array): Float32Array;
}

interface Described extends Omit<OnnxProblem, 'model'> {
  build(graph: Graph): void;
}

/** Declares the operands that `build` may name, and the result, which it has to call `y`. */
function described({ build, ...problem }: Described): OnnxProblem {
  const graph = new Graph();
  for (const [name, { shape }] of Object.entries(problem.inputs)) graph.input(name, shape);
  build(graph);
  graph.outputWithProbe(problem.shape);
  return { ...problem, model: graph.encode() };
}

/** What a network would hold as weights is a constant of the graph, so that it may be packed beforehand. */
export const onnxRecipes: Recipes<(network: Uint8Array | undefined) => OnnxProblem> = {
  matmul:
    ({ rows, k, n }) =>
    () =>
      described({
        inputs: { a: { data: noise(1, rows * k), shape: [rows, k] } },
        shape: [rows, n],
        build: (graph) => void graph.node('MatMul', ['a', graph.floats(noise(2, k * n), [k, n])], {}, 'y'),
      }),

  conv: (sizes) => () => {
    const { side, cin, cout } = sizes;
    const { x, weight, bias } = convOperands(sizes);
    return described({
      inputs: { x: { data: channelsFirst(x, side, cin), shape: [1, cin, side, side] } },
      shape: [1, cout, side, side],
      build: (graph) => {
        const filter = transposed(weight, [9, cin, cout], [2, 1, 0]);
        graph.conv('x', graph.floats(filter, [cout, cin, 3, 3]), graph.floats(bias, [cout]), 'y');
      },
      unpack: (y) => channelsLast(y, side, cout),
    });
  },

  layerNorm:
    ({ rows, channels }) =>
    () =>
      described({
        inputs: { x: { data: noise(1, rows * channels), shape: [rows, channels] } },
        shape: [rows, channels],
        build: (graph) => {
          const [weight, bias] = [2, 3].map((seed) => graph.floats(noise(seed, channels), [channels]));
          const attributes = { axis: -1, epsilon: { float: 1e-5 } };
          graph.node('LayerNormalization', ['x', weight as string, bias as string], attributes, 'y');
        },
      }),

  gelu:
    ({ rows, channels }) =>
    () =>
      described({
        inputs: { x: { data: noise(1, rows * channels), shape: [rows, channels] } },
        shape: [rows, channels],
        build: (graph) => void graph.node('Gelu', ['x'], { approximate: 'none' }, 'y'),
      }),

  attention: (sizes) => () => attention(sizes),

  pixelShuffle:
    ({ side, packed, factor }) =>
    () => {
      const channels = packed / factor ** 2;
      const x = channelsFirst(noise(1, side * side * packed), side, packed);
      return described({
        layout: 'NCHW',
        inputs: { x: { data: x, shape: [1, packed, side, side] } },
        shape: [1, channels, side * factor, side * factor],
        build: (graph) => void graph.node('DepthToSpace', ['x'], { blocksize: factor, mode: 'DCR' }, 'y'),
        unpack: (y) => channelsLast(y, side * factor, channels),
      });
    },

  fft2: (sizes) => () => fft2(sizes),

  add:
    ({ count }) =>
    () =>
      described({
        inputs: {
          a: { data: noise(1, count), shape: [count] },
          b: { data: noise(2, count), shape: [count] },
        },
        shape: [count],
        build: (graph) => void graph.node('Add', ['a', 'b'], {}, 'y'),
      }),

  network:
    ({ side }) =>
    (network) => {
      if (!network) throw new Error('the network was not exported');
      return {
        model: network,
        inputs: { x: { data: noise(1, 16 * side * side), shape: [1, 16, side, side] } },
        shape: [1, 16, 2 * side, 2 * side],
      };
    },
};

function attention(sizes: Sizes['attention']): OnnxProblem {
  const { across, window, heads, dim } = sizes;
  const { q, k, v, table } = attentionOperands(sizes);
  const tokens = window ** 2;
  const shape = [across ** 2, heads, tokens, dim];
  return described({
    inputs: { q: { data: q, shape }, k: { data: k, shape }, v: { data: v, shape } },
    shape,
    build: (graph) => {
      const scale = graph.floats(Float32Array.of(dim ** -0.5), []);
      const bias = graph.floats(positionBias(sizes, table), [1, heads, tokens, tokens]);
      const keys = graph.transpose('k', [0, 1, 3, 2]);
      const scores = graph.node('MatMul', [graph.node('Mul', ['q', scale]), keys]);
      const weights = graph.node('Softmax', [graph.node('Add', [scores, bias])], { axis: -1 });
      graph.node('MatMul', [weights, 'v'], {}, 'y');
    },
  });
}

/**
 * Two products with the matrix of the transform, its real and imaginary parts side by side and then in blocks: ONNX has
 * DFT, which its provider for WebGPU leaves to the processor.
 */
function fft2({ images, side }: Sizes['fft2']): OnnxProblem {
  const angle = (i: number, j: number) => (-2 * Math.PI * ((i * j) % side)) / side;
  const across = Float32Array.from({ length: 2 * side * side }, (_, at) => {
    const [i, j] = [Math.floor(at / (2 * side)), at % (2 * side)];
    return j < side ? Math.cos(angle(i, j)) : Math.sin(angle(i, j - side));
  });
  const down = Float32Array.from({ length: 4 * side * side }, (_, at) => {
    const [i, j] = [Math.floor(at / (2 * side)), at % (2 * side)];
    const turn = angle(i % side, j % side);
    if (i < side === j < side) return Math.cos(turn);
    return i < side ? -Math.sin(turn) : Math.sin(turn);
  });
  return described({
    inputs: { x: { data: noise(1, images * side * side), shape: [images, side, side] } },
    shape: [images, 2 * side, side],
    build: (graph) => {
      const rows = graph.node('MatMul', ['x', graph.floats(across, [side, 2 * side])]);
      const parts = graph.transpose(graph.reshape(rows, [images, side, 2, side]), [0, 2, 1, 3]);
      const stacked = graph.reshape(parts, [images, 2 * side, side]);
      graph.node('MatMul', [graph.floats(down, [2 * side, 2 * side]), stacked], {}, 'y');
    },
    unpack: (y) => transposed(y, [images, 2, side * side], [1, 0, 2]),
  });
}
