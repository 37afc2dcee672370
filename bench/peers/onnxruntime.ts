import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Open, Prepared } from './contender.ts';
import { Graph } from './onnx/graph.ts';
import { type OnnxProblem, onnxRecipes } from './onnx/problems.ts';
import { cook } from './problems.ts';

interface OrtTensor {
  getData(): Promise<Float32Array>;
  dispose(): void;
}

type Tensors = Readonly<Record<string, OrtTensor>>;

interface Session {
  run(feeds: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

/** The part of onnxruntime-node that is used; its types come with a package that is not installed here. */
interface Ort {
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<Session>;
  };
}

/** The operands of a problem in GPU memory: a graph whose result stays there is the only way to put them there. */
async function upload(ort: Ort, { inputs }: OnnxProblem): Promise<Tensors> {
  const uploaded = Object.entries(inputs).map(async ([name, { data, shape }]) => {
    const graph = new Graph();
    graph.input('x', shape);
    graph.output('y', shape);
    graph.node('Mul', ['x', graph.floats(Float32Array.of(1), [1])], {}, 'y');
    const session = await ort.InferenceSession.create(graph.encode(), {
      executionProviders: ['webgpu'],
      // A product with one would be optimised away.
      graphOptimizationLevel: 'disabled',
      preferredOutputLocation: 'gpu-buffer',
    });
    const { y } = await session.run({ x: new ort.Tensor('float32', data, shape) });
    return [name, y as OrtTensor] as const;
  });
  return Object.fromEntries(await Promise.all(uploaded));
}

/** Its provider brings a Dawn of its own, which takes the first adapter: the environment has to leave only one. */
export const open: Open = async ({ folder }) => {
  const ort: Ort = createRequire(join(folder, 'package.json'))('onnxruntime-node');
  return {
    async prepare(problem, network): Promise<Prepared> {
      const described = cook(onnxRecipes, problem, 'it has no gradients')(network);
      const provider = { name: 'webgpu', preferredLayout: described.layout ?? 'NHWC' };
      const session = (preferredOutputLocation: unknown) =>
        ort.InferenceSession.create(described.model, {
          executionProviders: [provider],
          preferredOutputLocation,
        });
      // Nothing but the probe leaves the GPU, and a run ends when that is here.
      const timed = await session({ y: 'gpu-buffer', probe: 'cpu' });
      const feeds = await upload(ort, described);
      return {
        async run() {
          for (const each of Object.values(await timed.run(feeds))) each.dispose();
        },
        async read() {
          // getData of a result on the GPU ends the process.
          const checked = await session('cpu');
          const { y } = await checked.run(feeds);
          const output = (await (y as OrtTensor).getData()).slice();
          await checked.release();
          return [described.unpack?.(output) ?? output];
        },
        dispose() {
          for (const each of Object.values(feeds)) each.dispose();
          void timed.release();
        },
      };
    },
  };
};
