import { type Device, openDevice } from '@lua-webgpu/kernels';
import { createLua, preset } from '@lua-webgpu/lua-model';
import {
  add,
  backward,
  conv2d,
  fft2,
  gelu,
  layerNorm,
  matmul,
  mean,
  openScope,
  pixelShuffle,
  type Scope,
  Tape,
  type Tensor,
  windowAttention,
} from '@lua-webgpu/tensor';
import type { Open, Prepared } from './contender.ts';
import { cropped, padded, transposed } from './layout.ts';
import { encodeNetwork } from './onnx/network.ts';
import { attentionOperands, convOperands, cook, noise, type Recipes, type Sizes } from './problems.ts';
import { prepareStep } from './step.ts';

/** The results of one run, which `run` gives back and `read` reads; `scope` is for everything made once. */
type Build = (
  scope: Scope,
  device: Device,
) => {
  results(): readonly Tensor[];
  /** To the layouts of `Sizes`, where they differ. */
  unpack?(outputs: Float32Array[]): Float32Array[];
  dispose?(): void;
  model?(): Promise<Uint8Array>;
};

/** The head dimension is 30: the network pads it with zeros to whole vec4s when it packs its weights, so does this. */
function attention(sizes: Sizes['attention']): Build {
  const { across, window, heads, dim } = sizes;
  const paddedDim = 4 * Math.ceil(dim / 4);
  const side = across * window;
  return (scope) => {
    const { q, k, v, table } = attentionOperands(sizes);
    // [part, windowY, windowX, head, y, x, dim] to the image [windowY, y, windowX, x, part, head, dim].
    const parts = new Float32Array(3 * q.length);
    [q, k, v].forEach((part, i) => void parts.set(part, i * q.length));
    const image = transposed(parts, [3, across, across, heads, window, window, dim], [1, 4, 2, 5, 0, 3, 6]);
    const qkv = scope.tensor(padded(image, dim, paddedDim), [1, side, side, 3 * heads * paddedDim]);
    const biases = scope.tensor(table, [(2 * window - 1) ** 2, heads]);
    const attributes = { heads, window, shift: 0, scale: dim ** -0.5 };
    return {
      results: () => [windowAttention(qkv, biases, attributes)],
      unpack: ([out = new Float32Array()]) => [
        transposed(
          cropped(out, paddedDim, dim),
          [across, window, across, window, heads, dim],
          [0, 2, 4, 1, 3, 5],
        ),
      ],
    };
  };
}

const recipes: Recipes<Build> = {
  matmul:
    ({ rows, k, n }) =>
    (scope) => {
      const a = scope.tensor(noise(1, rows * k), [rows, k]);
      const b = scope.tensor(noise(2, k * n), [k, n]);
      return { results: () => [matmul(a, b)] };
    },

  conv: (sizes) => (scope) => {
    const { x, weight, bias } = convTensors(scope, sizes);
    return { results: () => [conv2d(x, weight, { bias, padding: 1 })] };
  },

  layerNorm:
    ({ rows, channels }) =>
    (scope) => {
      const x = scope.tensor(noise(1, rows * channels), [rows, channels]);
      const [weight, bias] = [2, 3].map((seed) => scope.tensor(noise(seed, channels), [channels]));
      return { results: () => [layerNorm(x, weight as Tensor, bias as Tensor)] };
    },

  gelu:
    ({ rows, channels }) =>
    (scope) => {
      const x = scope.tensor(noise(1, rows * channels), [rows, channels]);
      return { results: () => [gelu(x)] };
    },

  attention,

  pixelShuffle:
    ({ side, packed, factor }) =>
    (scope) => {
      const x = scope.tensor(noise(1, side * side * packed), [1, side, side, packed]);
      return { results: () => [pixelShuffle(x, { factor, order: 'block' })] };
    },

  fft2:
    ({ images, side }) =>
    (scope) => {
      const planes = noise(1, images * side * side);
      const x = scope.tensor(transposed(planes, [images, side, side], [1, 2, 0]), [1, side, side, images]);
      return {
        results: () => [fft2(x)],
        unpack: ([out = new Float32Array()]) => [transposed(out, [2, side, side, images], [0, 3, 1, 2])],
      };
    },

  add:
    ({ count }) =>
    (scope) => {
      const [a, b] = [1, 2].map((seed) => scope.tensor(noise(seed, count), [count]));
      return { results: () => [add(a as Tensor, b as Tensor)] };
    },

  training:
    ({ side, channels }) =>
    (scope) => {
      const operands = convTensors(scope, { side, cin: channels, cout: channels });
      return {
        results: () => {
          using inner = scope.child();
          using tape = new Tape();
          const leaves = [operands.x, operands.weight, operands.bias].map((each) =>
            tape.watch(inner.borrow(each)),
          );
          const [x, weight, bias] = leaves as [Tensor, Tensor, Tensor];
          using gradients = backward(mean(gelu(conv2d(x, weight, { bias, padding: 1 }))));
          return leaves.map((leaf) => scope.borrow(gradients.of(leaf) as Tensor));
        },
      };
    },

  network:
    ({ side }) =>
    (scope, device) => {
      const config = preset('light', { in_chans: 16 });
      const model = createLua(device, config);
      const latent = scope.tensor(noise(1, 16 * side * side), [1, 16, side, side]);
      return {
        results: () => [...model.forward(latent, [2]).values()],
        dispose: () => model.dispose(),
        model: async () => encodeNetwork(config, await model.stateDict(), side),
      };
    },
};

function convTensors(scope: Scope, sizes: Sizes['conv']) {
  const { side, cin, cout } = sizes;
  const { x, weight, bias } = convOperands(sizes);
  return {
    x: scope.tensor(x, [1, side, side, cin]),
    weight: scope.tensor(weight, [3, 3, cin, cout]),
    bias: scope.tensor(bias, [cout]),
  };
}

export const open: Open = async ({ adapter }) => {
  const device = await openDevice({ adapter });
  return {
    async prepare(problem): Promise<Prepared> {
      if (problem.kind === 'step') return prepareStep(device, problem.sizes);
      const scope = openScope(device);
      const built = cook(recipes, problem, 'no such op')(scope, device);
      return {
        async run() {
          for (const result of built.results()) result.dispose();
          await device.synchronize();
        },
        async read() {
          const results = built.results();
          const outputs = await Promise.all(results.map((each) => each.readFloats()));
          for (const result of results) result.dispose();
          return built.unpack?.(outputs) ?? outputs;
        },
        dispose() {
          built.dispose?.();
          scope.dispose();
        },
        ...(built.model && { model: built.model }),
      };
    },
  };
};
