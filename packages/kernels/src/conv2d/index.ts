import { type Activation, activationCodes, activationLibrary, encodeActivation } from '../lib/index.ts';
import { matmul } from '../matmul/index.ts';
import { type Device, type Family, type GpuBuffer, pick, type Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';
import { type Conv2dGeometry, conv2dIsMatmul, conv2dOutputSize, conv2dPieces } from './geometry.ts';

export {
  type Conv2dGeometry,
  type Conv2dPiece,
  conv2dIsMatmul,
  conv2dOutputSize,
  conv2dPieces,
  type Padding,
} from './geometry.ts';

/**
 * out[B, Ho, Wo, Cout] = activation(x[B, H, W, Cin] convolved with weight[kh, kw, Cin, Cout] + bias[Cout]), that is
 * PyTorch's cross-correlation, channels-last.
 */
export interface Conv2dShape extends Conv2dGeometry {
  readonly bias: boolean;
  readonly activation: Activation;
}

export interface Conv2dBuffers {
  readonly x: GpuBuffer;
  readonly weight: GpuBuffer;
  readonly bias?: GpuBuffer | undefined;
  readonly out: GpuBuffer;
}

const constants = { HAS_BIAS: [false, true], ACTIVATION: activationCodes };
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

const vectorLibraries = { ...activationLibrary, 'conv2d/taps.wgsl': shaders['conv2d/taps.wgsl'] };

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
  constants,
  features: ['subgroups'],
  bindings: vectorBindings,
  params: vectorParams,
  workgroup: ({ SUBGROUP_SIZE }): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: ({ pixels, cout4 }, { SUBGROUP_SIZE }) =>
    gridOf(Math.ceil(cout4 / Number(SUBGROUP_SIZE)), Math.ceil(pixels / 16)),
  cost: (p) => cost(p, 4 * p.cin4, 4 * p.cout4),
});

export const conv2dTiled = defineKernel({
  name: 'conv2d/tiled',
  source: shaders['conv2d/tiled.wgsl'],
  libraries: vectorLibraries,
  constants,
  bindings: vectorBindings,
  params: { ...vectorParams, lanes: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ pixels, cout4, lanes }) =>
    gridOf(Math.ceil(cout4 / lanes), Math.ceil(pixels / (8 * Math.floor(64 / lanes)))),
  cost: (p) => cost(p, 4 * p.cin4, 4 * p.cout4),
});

export const conv2dScalar = defineKernel({
  name: 'conv2d/scalar',
  source: shaders['conv2d/scalar.wgsl'],
  libraries: activationLibrary,
  constants,
  bindings: { x: read('f32'), weight: read('f32'), bias: read('f32', 'HAS_BIAS'), out: write('f32') },
  params: scalarParams,
  workgroup: () => [8, 8, 1],
  grid: ({ pixels, cout }) => gridOf(Math.ceil(cout / 8), Math.ceil(pixels / 8)),
  cost: (p) => cost(p, p.cin, p.cout),
});

const constantsOf = ({ bias, activation }: Conv2dShape) => ({
  HAS_BIAS: bias,
  ACTIVATION: encodeActivation(activation).code,
});
const needsVectors = ({ cin, cout, height, width }: Conv2dShape) => {
  if (cin % 4 !== 0 || cout % 4 !== 0) return 'takes channels in multiples of 4';
  return cin * height * width > 0 ? undefined : 'takes no empty input';
};

type Conv2dVariant = Variant<Conv2dShape> & {
  /** Bytes of an element of x and out. */
  readonly elementBytes: number;
  readonly params: (shape: Conv2dShape) => Record<string, number>;
};
const vectorParamsOf = ({ cin, cout }: Conv2dShape) => ({ cin4: cin / 4, cout4: cout / 4 });
const vector = { constants: constantsOf, refuses: needsVectors, elementBytes: 16, params: vectorParamsOf };

/** Channel vectors that a workgroup of `tiled` takes side by side: up to 8, as even as the groups can be. */
const tiledLanes = (cout4: number) => Math.ceil(cout4 / Math.ceil(cout4 / 8));
const tiledParamsOf = (shape: Conv2dShape) => ({
  ...vectorParamsOf(shape),
  lanes: tiledLanes(shape.cout / 4),
});

export const conv2dFamily: Family<Conv2dShape, Conv2dVariant> = {
  name: 'conv2d',
  variants: [
    { name: 'subgroup', kernel: conv2dSubgroup, ...vector },
    { name: 'tiled', kernel: conv2dTiled, ...vector, params: tiledParamsOf },
    {
      name: 'scalar',
      kernel: conv2dScalar,
      constants: constantsOf,
      elementBytes: 4,
      params: ({ cin, cout }) => ({ cin, cout }),
    },
  ],
  // The subgroup variant leaves a lane idle per missing channel vector; `tiled` fills its workgroup with pixels instead.
  prefer: (variants, { subgroupSize = 1 }, { cout }) => {
    const fewChannels = cout <= 4 || cout < subgroupSize;
    return fewChannels ? variants.filter(({ name }) => name !== 'subgroup') : variants;
  },
};

/**
 * Records a convolution: a matrix product where the kernel is 1×1 with stride 1 and no padding, else one dispatch per
 * piece of the images that fits a binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function conv2d(device: Device, buffers: Conv2dBuffers, shape: Conv2dShape): void {
  const { batch, cout, cin } = shape;
  const size = conv2dOutputSize(shape);
  if (batch * cout === 0 || size.height <= 0 || size.width <= 0) return;
  if (conv2dIsMatmul(shape)) {
    const { x: a, weight: b, bias, out } = buffers;
    const rows = batch * shape.height * shape.width;
    matmul(
      device,
      { a, b, bias, out },
      { rows, k: cin, n: cout, bias: shape.bias, activation: shape.activation },
    );
    return;
  }
  const variant = pick(conv2dFamily, device, shape);
  const { kernelHeight, kernelWidth, activation } = shape;
  for (const piece of conv2dPieces('conv2d', device, buffers, shape, variant.elementBytes)) {
    device.dispatch(variant.kernel, {
      buffers: { x: piece.x, weight: buffers.weight, bias: buffers.bias, out: piece.out },
      params: {
        ...piece.params,
        pixels: piece.outRows * size.width,
        kernel_height: kernelHeight,
        kernel_width: kernelWidth,
        slope: encodeActivation(activation).slope,
        ...variant.params(shape),
      },
      constants: variant.constants(shape),
    });
  }
}
