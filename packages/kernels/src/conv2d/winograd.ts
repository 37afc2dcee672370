import type { Capabilities, Limits } from '../capabilities.ts';
import { activationLibrary, combineLibrary, encodeActivation } from '../lib/index.ts';
import type { Device, GpuBuffer } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, foldGrid, type Grid, read, write } from '../wgsl/index.ts';
import { type Conv2dPiece, conv2dOutputSize, conv2dPieces } from './geometry.ts';
import {
  type Conv2dShape,
  type Conv2dVariant,
  conv2dConstants,
  conv2dConstantsOf,
  needsVectors,
  tapsLibrary,
} from './shape.ts';

/** Tiles that one workgroup of the product takes; the transformed input comes in blocks of as many. */
const blockTiles = 16;
const places = 16;
const tilesLibrary = { 'conv2d/winograd-tiles.wgsl': shaders['conv2d/winograd-tiles.wgsl'] };

export const winogradWeight = defineKernel({
  name: 'conv2d/winograd-weight',
  source: shaders['conv2d/winograd-weight.wgsl'],
  bindings: { weight: read('vec4f'), transformed: write('vec4f') },
  params: { vectors: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ vectors }) => foldGrid(Math.ceil(vectors / 64)),
  cost: ({ vectors }) => ({ flops: 4 * 42 * vectors, bytes: 16 * (9 + places) * vectors }),
});

export const winogradInput = defineKernel({
  name: 'conv2d/winograd-input',
  source: shaders['conv2d/winograd-input.wgsl'],
  libraries: { ...tapsLibrary, ...tilesLibrary },
  bindings: { x: read('vec4f'), transformed: write('vec4f') },
  params: {
    vectors: 'u32',
    cin4: 'u32',
    height: 'u32',
    width: 'u32',
    out_height: 'u32',
    out_width: 'u32',
    stride: 'u32',
    pad_top: 'i32',
    pad_left: 'i32',
    x_offset: 'u32',
  },
  workgroup: () => [64, 1, 1],
  grid: ({ vectors }) => foldGrid(Math.ceil(vectors / 64)),
  cost: ({ vectors }) => ({ flops: 4 * 32 * vectors, bytes: 16 * (4 + places) * vectors }),
});

const winogradProduct = defineKernel({
  name: 'conv2d/winograd',
  source: shaders['conv2d/winograd.wgsl'],
  libraries: { ...activationLibrary, ...combineLibrary, ...tilesLibrary },
  // No GELU: see `refuses`.
  constants: { ...conv2dConstants, ACTIVATION: [0, 2] },
  features: ['subgroups'],
  bindings: {
    x_transformed: read('vec4f'),
    weight_transformed: read('vec4f'),
    bias: read('vec4f', 'HAS_BIAS'),
    out: write('vec4f'),
  },
  params: {
    tiles: 'u32',
    cin4: 'u32',
    cout4: 'u32',
    out_height: 'u32',
    out_width: 'u32',
    out_offset: 'u32',
    slope: 'f32',
  },
  workgroup: ({ SUBGROUP_SIZE }): Grid => [Number(SUBGROUP_SIZE), 1, 1],
  grid: ({ tiles, cout4 }, { SUBGROUP_SIZE }) => [
    Math.ceil(cout4 / Number(SUBGROUP_SIZE)),
    ...foldGrid(Math.ceil(tiles / blockTiles)),
  ],
  cost: ({ tiles, cin4, cout4 }) => ({
    flops: 2 * places * tiles * 16 * cin4 * cout4,
    bytes: 16 * (places * (tiles * cin4 + 4 * cin4 * cout4) + 4 * tiles * cout4),
  }),
});

/** Bytes of a piece of the images, unless eight rows have more. */
const pieceBytes = 2 ** 20;

/** Bytes of a row up to which a piece of eight rows leaves the transformed input small. */
const maxRowBytes = 2 ** 19;

/** Pairs of channels whose transformed weights fit the smallest binding that WebGPU promises, 128 MiB. */
const maxPairs = 2 ** 21;

const rowBytes = (shape: Conv2dShape) =>
  4 * Math.max(shape.width * shape.cin, conv2dOutputSize(shape).width * shape.cout);

function refuses(shape: Conv2dShape): string | undefined {
  const { kernelHeight, kernelWidth, stride, activation } = shape;
  if (kernelHeight !== 3 || kernelWidth !== 3 || stride !== 1) return 'takes 3×3 kernels of stride 1';
  // Sixty-four copies of GELU take lavapipe half a minute to compile.
  if (activation.kind === 'gelu') return 'takes no GELU';
  if (shape.cin * shape.cout > maxPairs) return `takes up to ${maxPairs} pairs of channels`;
  if (rowBytes(shape) > maxRowBytes) return `takes rows of up to ${maxRowBytes} bytes`;
  return needsVectors(shape);
}

/** Whether the fewer multiplications outweigh the transforms. */
const paysFor = (cin: number, cout: number, pixels: number) =>
  cin >= 16 && cout >= 16 && cin * cout >= 1024 && pixels >= 256;

/** Bytes up to which a piece's transformed input goes, in a binding that has to hold it. */
const mostTransformedBytes = 2 ** 25;

/** Whether it is the first choice: on software; on hardware nothing has been measured. */
export function winogradPays({ software, limits }: Capabilities, shape: Conv2dShape): boolean {
  const { batch, cin, cout } = shape;
  const { height, width } = conv2dOutputSize(shape);
  const fits = limits.maxStorageBufferBindingSize >= mostTransformedBytes && refuses(shape) === undefined;
  return software && fits && paysFor(cin, cout, batch * height * width);
}

/**
 * Upper estimate of the memory that a 3×3 convolution takes for its transformed weights and inputs, in bytes, where the
 * device computes it by F(2×2, 3×3).
 */
export function conv2dScratchBytes({
  cin,
  cout,
  pixels,
}: {
  readonly cin: number;
  readonly cout: number;
  readonly pixels: number;
}): number {
  if (!paysFor(cin, cout, pixels)) return 0;
  // Tiles that an edge cuts, and the rest of a block, make it more than four times the input.
  const transformed = Math.min(4 * places * cin * (pixels / 4), 5 * pieceBytes) * 1.125;
  return 4 * places * cin * cout + transformed + 4 * places * blockTiles * cin;
}

/**
 * F(2×2, 3×3): weights and inputs are transformed, multiplied, and transformed back. The images go through in pieces, so
 * that the transformed inputs, four times as large as the inputs, take some megabytes and stay in caches.
 */
export const winograd: Conv2dVariant = {
  name: 'winograd',
  kernel: winogradProduct,
  constants: conv2dConstantsOf,
  refuses,
  record(device, buffers, shape) {
    const { cin, cout } = shape;
    const { limits } = device.capabilities;
    const weight = device.allocate(4 * places * cin * cout, 'winograd weight');
    try {
      device.dispatch(winogradWeight, {
        buffers: { weight: buffers.weight, transformed: weight },
        params: { vectors: (cin * cout) / 4 },
      });
      for (const piece of conv2dPieces('conv2d', pieceLimits(limits, shape), buffers, shape, 16)) {
        recordPiece(device, piece, weight, buffers.bias, shape);
      }
    } finally {
      weight.release();
    }
  },
};

/** Limits under which a piece has a megabyte, or eight rows. */
function pieceLimits(limits: Limits, shape: Conv2dShape): Limits {
  const bytes = Math.max(pieceBytes, 8 * rowBytes(shape));
  return { ...limits, maxStorageBufferBindingSize: Math.min(limits.maxStorageBufferBindingSize, bytes) };
}

function recordPiece(
  device: Device,
  { x, out, outRows, params }: Conv2dPiece,
  weight: GpuBuffer,
  bias: GpuBuffer | undefined,
  shape: Conv2dShape,
): void {
  const [cin4, cout4] = [shape.cin / 4, shape.cout / 4];
  const images = outRows / params.out_height;
  const tiles = images * Math.ceil(params.out_height / 2) * Math.ceil(params.out_width / 2);
  const slots = blockTiles * Math.ceil(tiles / blockTiles);
  const transformed = device.allocate(16 * slots * places * cin4, 'winograd input');
  try {
    device.dispatch(winogradInput, {
      buffers: { x, transformed },
      params: { ...params, vectors: tiles * cin4, cin4 },
    });
    device.dispatch(winogradProduct, {
      buffers: { x_transformed: transformed, weight_transformed: weight, bias, out },
      params: { ...params, tiles, cin4, cout4, slope: encodeActivation(shape.activation).slope },
      constants: conv2dConstantsOf(shape),
    });
  } finally {
    transformed.release();
  }
}
