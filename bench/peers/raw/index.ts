import { readFileSync } from 'node:fs';
import { requestPlatformAdapter } from '@lua-webgpu/kernels';
import type { Open, Prepared } from '../contender.ts';
import { cropped, padded } from '../layout.ts';
import { invalidUses } from '../navigator.ts';
import { convOperands, cook, noise, type Recipes } from '../problems.ts';

/** Operands in the order of their bindings, 2 left out: it is the result's, which has `size` values. */
interface Kernel {
  readonly file: string;
  /** Put in front of it. */
  readonly library?: URL;
  readonly constants: Readonly<Record<string, number>>;
  readonly operands: readonly Float32Array<ArrayBuffer>[];
  readonly size: number;
  readonly grid: readonly [number, number?];
  unpack(out: Float32Array): Float32Array;
}

/** Rows (or pixels) of one workgroup. */
const rows = 16;

/** Columns are padded to whole subgroups of vec4. */
const recipes: Recipes<(lanes: number) => Kernel> = {
  matmul: (sizes) => (lanes) => {
    const { k, n } = sizes;
    const width = 4 * lanes * Math.ceil(n / (4 * lanes));
    return {
      file: 'matmul.wgsl',
      constants: { SG: lanes, K4: k / 4, N4: width / 4 },
      operands: [noise(1, sizes.rows * k), padded(noise(2, k * n), n, width)],
      size: sizes.rows * width,
      grid: [width / (4 * lanes), sizes.rows / rows],
      unpack: (out) => cropped(out, width, n),
    };
  },

  conv: (sizes) => (lanes) => {
    const { side, cin, cout } = sizes;
    const { x, weight, bias } = convOperands(sizes);
    const width = 4 * lanes * Math.ceil(cout / (4 * lanes));
    return {
      file: 'conv.wgsl',
      constants: { SG: lanes, SIDE: side, K4: cin / 4, N4: width / 4 },
      operands: [x, padded(weight, cout, width), padded(bias, cout, width)],
      size: side * side * width,
      grid: [width / (4 * lanes), side ** 2 / rows],
      unpack: (out) => cropped(out, width, cout),
    };
  },

  gelu:
    ({ rows: height, channels }) =>
    () => ({
      file: 'gelu.wgsl',
      library: new URL('../../../packages/kernels/src/lib/normal.wgsl', import.meta.url),
      constants: {},
      operands: [noise(1, height * channels)],
      size: height * channels,
      grid: [(height * channels) / 256],
      unpack: (out) => out,
    }),

  pixelShuffle:
    ({ side, packed, factor }) =>
    () => {
      if (factor !== 2 || (side * packed) % 480 !== 0)
        throw new Error('written for a factor of 2 and rows of 60 vec4s');
      return {
        file: 'pixel-shuffle.wgsl',
        constants: { SIDE: side, C4: packed / 16 },
        operands: [noise(1, side * side * packed)],
        size: side * side * packed,
        grid: [(side * packed) / 8 / 60, 2 * side],
        unpack: (out) => out,
      };
    },

  add:
    ({ count }) =>
    () => ({
      file: 'add.wgsl',
      constants: {},
      operands: [noise(1, count), noise(2, count)],
      size: count,
      grid: [count / 256],
      unpack: (out) => out,
    }),
};

/**
 * What hand-written WGSL reaches where nothing is decided at run time: pipeline, buffers and bind group are made once, the
 * sizes are constants. Not a limit, but a mark.
 */
export const open: Open = async ({ adapter: name }) => {
  const { adapter } = await requestPlatformAdapter({ name });
  const { subgroupMinSize: lanes = 0, subgroupMaxSize } = adapter.info;
  const steady = adapter.features.has('subgroups') && lanes === subgroupMaxSize && [4, 8, 16].includes(lanes);
  const device = await adapter.requestDevice({ requiredFeatures: steady ? ['subgroups'] : [] });
  const throwInvalid = invalidUses(device);
  const upload = (data: Float32Array<ArrayBuffer>) => {
    const buffer = device.createBuffer({
      size: data.byteLength,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  };
  return {
    async prepare(problem): Promise<Prepared> {
      if (!steady && ['matmul', 'conv'].includes(problem.kind))
        throw new Error('needs subgroups of a fixed size of 4, 8 or 16');
      const kernel = cook(recipes, problem, 'nobody wrote it by hand')(lanes);
      const constants = Object.entries(kernel.constants).map(([key, value]) => `const ${key} = ${value}u;`);
      const files = [...(kernel.library ? [kernel.library] : []), new URL(kernel.file, import.meta.url)];
      const code = files.map((file) => readFileSync(file, 'utf8'));
      const module = device.createShaderModule({
        code: [...(steady ? ['enable subgroups;'] : []), ...constants, ...code].join('\n'),
      });
      const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
      const out = device.createBuffer({
        size: 4 * kernel.size,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
      });
      const operands = kernel.operands.map(upload);
      const bound = new Map([...operands.map((buffer, i) => [i < 2 ? i : i + 1, buffer] as const), [2, out]]);
      const group = device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: Array.from(bound, ([binding, buffer]) => ({ binding, resource: { buffer } })),
      });
      const submit = (to?: GPUBuffer) => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...kernel.grid);
        pass.end();
        if (to) encoder.copyBufferToBuffer(out, 0, to, 0, out.size);
        device.queue.submit([encoder.finish()]);
      };
      return {
        async run() {
          submit();
          await device.queue.onSubmittedWorkDone();
          throwInvalid();
        },
        async read() {
          const staging = device.createBuffer({
            size: out.size,
            usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
          });
          submit(staging);
          await staging.mapAsync(GPUMapMode.READ);
          const result = new Float32Array(staging.getMappedRange().slice(0));
          staging.destroy();
          throwInvalid();
          return [kernel.unpack(result)];
        },
        dispose() {
          for (const buffer of bound.values()) buffer.destroy();
        },
      };
    },
  };
};
