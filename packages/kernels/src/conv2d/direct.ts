import {
  activationLibrary,
  combineLibrary,
  encodeActivation,
  sharedColumns,
  sharedTile,
  sharedTiles,
  subgroupRows,
  subgroupRowsName,
} from '../lib/index.ts';
import { shaders } from '../shaders.generated.ts';
import {
  type AnyKernel,
  type Constants,
  defineKernel,
  foldGrid,
  type Grid,
  type Params,
  read,
  write,
} from '../wgsl/index.ts';
import { conv2dOutputSize, conv2dPieces } from './geometry.ts';
import {
  type Conv2dShape,
  type Conv2dVariant,
  conv2dConstants,
  conv2dConstantsOf,
  needsVectors,
  tapsLibrary,
} from './shape.ts';

const vectorBindings = {
  x: read('vec4f'),
  weight: read('vec4f'),
  bias: read('vec4f', 'HAS_BIAS'),
  out: write('vec4f'),
};
/** Of one dispatch: `height` rows of x are bound, `pixels` of out are written; offsets in elements of the binding. */
const commonParams = {
  pixels: 'u32',
  height: 'u32',
  width: 'u32',
  out_height: 'u32',
  out_width: 'u32',
  kernel_height: 'u32',
  kernel_width: 'u32',
  stride: 'u32',
  pad_top: 'i32',
  pad_left: 'i32',
  x_offset: 'u32',
  out_offset: 'u32',
  slope: 'f32',
} as const;
const vectorParams = { ...commonParams, cin4: 'u32', cout4: 'u32' } as const;
const scalarParams = { ...commonParams, cin: 'u32', cout: 'u32' } as const;
type CommonParams = { readonly [K in keyof typeof commonParams]: number };

const vectorLibraries = {
  ...activationLibrary,
  ...combineLibrary,
  ...tapsLibrary,
  'conv2d/store.wgsl': shaders['conv2d/store.wgsl'],
};

const cost = (p: CommonParams, cin: number, cout: number) => {
  const taps = p.kernel_height * p.kernel_width;
  const read = (p.pixels / (p.out_height * p.out_width)) * p.height * p.width * cin;
  return {
    flops: 2 * p.pixels * taps * cin * cout,
    bytes: 4 * (read + taps * cin * cout + p.pixels * cout),
  };
};

/** Channel groups in x, pixel groups folded into y and z. */
const gridOf = (channelGroups: number, pixelGroups: number) => [channelGroups, ...foldGrid(pixelGroups)];

export const conv2dSubgroup = defineKernel({
  name: 'conv2d/subgroup',
  source: shaders['conv2d/subgroup.wgsl'],
  libraries: vectorLibraries,
  constants: { ...conv2dConstants, PIXELS: subgroupRows },
  features: ['subgroups'],
  bindings: vectorBindings,
  params: vectorParams,
  workgroup: ({ SUBGROUP_SIZE }): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: ({ pixels, cout4 }, { SUBGROUP_SIZE, PIXELS }) =>
    gridOf(Math.ceil(cout4 / Number(SUBGROUP_SIZE)), Math.ceil(pixels / Number(PIXELS))),
  cost: (p) => cost(p, 4 * p.cin4, 4 * p.cout4),
});

export const conv2dTiled = defineKernel({
  name: 'conv2d/tiled',
  source: shaders['conv2d/tiled.wgsl'],
  libraries: vectorLibraries,
  constants: conv2dConstants,
  bindings: vectorBindings,
  params: { ...vectorParams, lanes: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ pixels, cout4, lanes }) =>
    gridOf(Math.ceil(cout4 / lanes), Math.ceil(pixels / (8 * Math.floor(64 / lanes)))),
  cost: (p) => cost(p, 4 * p.cin4, 4 * p.cout4),
});

const shared = {
  source: shaders['conv2d/shared.wgsl'],
  libraries: { ...vectorLibraries, ...sharedTile.libraries },
  bindings: vectorBindings,
  params: vectorParams,
  workgroup: sharedTile.workgroup,
  workgroupBytes: sharedTile.workgroupBytes,
  grid: ({ pixels, cout4 }: { pixels: number; cout4: number }, { ROWS }: Constants) =>
    gridOf(Math.ceil((4 * cout4) / sharedColumns), Math.ceil(pixels / (8 * Number(ROWS)))),
  cost: (p: Params<typeof vectorParams>) => cost(p, 4 * p.cin4, 4 * p.cout4),
};
const sharedConstants = { ...conv2dConstants, ...sharedTile.constants, TRANSPOSED: [false] };

export const conv2dShared = defineKernel({
  name: 'conv2d/shared',
  ...shared,
  constants: { ...sharedConstants, HALF: [false] },
});

export const conv2dSharedHalf = defineKernel({
  name: 'conv2d/shared-half',
  ...shared,
  constants: { ...sharedConstants, HALF: [true] },
  features: ['shader-f16'],
});

export const conv2dScalar = defineKernel({
  name: 'conv2d/scalar',
  source: shaders['conv2d/scalar.wgsl'],
  libraries: activationLibrary,
  constants: conv2dConstants,
  bindings: { x: read('f32'), weight: read('f32'), bias: read('f32', 'HAS_BIAS'), out: write('f32') },
  params: scalarParams,
  workgroup: () => [8, 8, 1],
  grid: ({ pixels, cout }) => gridOf(Math.ceil(cout / 8), Math.ceil(pixels / 8)),
  cost: (p) => cost(p, p.cin, p.cout),
});

const vectorParamsOf = ({ cin, cout }: Conv2dShape) => ({ cin4: cin / 4, cout4: cout / 4 });

/** Channel vectors that a workgroup of `tiled` takes side by side: up to 8, as even as the groups can be. */
const tiledLanes = (cout4: number) => Math.ceil(cout4 / Math.ceil(cout4 / 8));
const tiledParamsOf = (shape: Conv2dShape) => ({
  ...vectorParamsOf(shape),
  lanes: tiledLanes(shape.cout / 4),
});

interface DirectOptions {
  readonly kernel: AnyKernel;
  /** Bytes of an element of x and out. */
  readonly elementBytes: number;
  readonly params: (shape: Conv2dShape) => Record<string, number>;
  readonly refuses?: (shape: Conv2dShape) => string | undefined;
  readonly constants?: Constants;
  readonly roundsToHalf?: boolean;
}

/** A variant that computes every output from its taps: one dispatch per piece of the images that fits a binding. */
function direct(
  name: string,
  { kernel, elementBytes, params, refuses, constants, roundsToHalf = false }: DirectOptions,
): Conv2dVariant {
  const constantsOf = (shape: Conv2dShape) => ({ ...conv2dConstantsOf(shape), ...constants });
  return {
    name,
    kernel,
    constants: constantsOf,
    ...(refuses && { refuses }),
    roundsToHalf,
    record(device, buffers, shape) {
      const { kernelHeight, kernelWidth, activation } = shape;
      const { width } = conv2dOutputSize(shape);
      const { limits } = device.capabilities;
      for (const piece of conv2dPieces('conv2d', limits, buffers, shape, elementBytes)) {
        device.dispatch(kernel, {
          buffers: { x: piece.x, weight: buffers.weight, bias: buffers.bias, out: piece.out },
          params: {
            ...piece.params,
            pixels: piece.outRows * width,
            kernel_height: kernelHeight,
            kernel_width: kernelWidth,
            slope: encodeActivation(activation).slope,
            ...params(shape),
          },
          constants: constantsOf(shape),
        });
      }
    },
  };
}

const vector = { refuses: needsVectors, elementBytes: 16, params: vectorParamsOf };

export const directVariants: readonly Conv2dVariant[] = [
  ...subgroupRows.map((PIXELS) =>
    direct(subgroupRowsName(PIXELS), { kernel: conv2dSubgroup, ...vector, constants: { PIXELS } }),
  ),
  direct('tiled', { kernel: conv2dTiled, ...vector, params: tiledParamsOf }),
  direct('scalar', {
    kernel: conv2dScalar,
    elementBytes: 4,
    params: ({ cin, cout }) => ({ cin, cout }),
  }),
  ...sharedTiles.map(({ name, ROWS, half }) =>
    direct(name, {
      kernel: half ? conv2dSharedHalf : conv2dShared,
      ...vector,
      constants: { ROWS, HALF: half, TRANSPOSED: false },
      roundsToHalf: half,
    }),
  ),
];
