import { shaders } from '../shaders.generated.ts';
import { type Constants, type Cost, defineKernel, foldGrid, read, write } from '../wgsl/index.ts';

const constants = { VECTOR: [false, true], REAL_INPUT: [false, true], MAGNITUDE: [false, true] };
const workgroupSize = 64;

const library = (name: 'complex' | 'operands' | 'butterflies' | 'pass') => ({
  [`fft2d/${name}.wgsl`]: shaders[`fft2d/${name}.wgsl`],
});
const operandLibraries = { ...library('complex'), ...library('operands') };
const bindings = { source: read('Element'), roots: read('vec2f'), out: write('Element') };

/** Where the planes of the operands begin, in elements, and the factor of the result. */
const operandParams = {
  source_re: 'u32',
  source_im: 'u32',
  out_re: 'u32',
  out_im: 'u32',
  scale: 'f32',
} as const;

/** Cost of reading and writing complex values; real operands have half of the bytes. */
function costOf(elements: number, flopsPerElement: number, given: Constants): Cost {
  const values = elements * (given.VECTOR === true ? 4 : 1);
  const planes = (given.REAL_INPUT === true ? 1 : 2) + (given.MAGNITUDE === true ? 1 : 2);
  return { flops: flopsPerElement * values, bytes: 4 * planes * values };
}

const passParams = {
  butterflies: 'u32',
  inner: 'u32',
  steps: 'u32',
  span: 'u32',
  root_step: 'u32',
  ...operandParams,
} as const;

/** Multiply-adds counted as two: those of the roots and, from the usual 5·N·log2 N, of the butterfly. */
const passFlops = (radix: number) => 6 + 5 * Math.log2(radix);

const pass = (radix: 2 | 3 | 4 | 5 | 7 | 8) =>
  defineKernel({
    name: `fft2d/pass-${radix}`,
    source: shaders[`fft2d/pass-${radix}.wgsl`],
    libraries: { ...operandLibraries, ...library('butterflies'), ...library('pass') },
    constants,
    bindings,
    params: passParams,
    workgroup: () => [workgroupSize, 1, 1],
    grid: ({ butterflies }) => foldGrid(Math.ceil(butterflies / workgroupSize)),
    cost: ({ butterflies }, given) => costOf(butterflies * radix, passFlops(radix), given),
  });

/** One kernel for each radix with a butterfly. */
export const fftPasses = new Map([2, 3, 4, 5, 7, 8].map((radix) => [radix, pass(radix as 2)]));

export const fftPassAny = defineKernel({
  name: 'fft2d/pass-any',
  source: shaders['fft2d/pass-any.wgsl'],
  libraries: operandLibraries,
  constants,
  bindings,
  params: { ...passParams, radix: 'u32' },
  workgroup: () => [workgroupSize, 1, 1],
  grid: ({ butterflies, radix }) => foldGrid(Math.ceil((butterflies * radix) / workgroupSize)),
  cost: ({ butterflies, radix }, given) => costOf(butterflies * radix, 8 * radix, given),
});

export const fftModulate = defineKernel({
  name: 'fft2d/modulate',
  source: shaders['fft2d/modulate.wgsl'],
  libraries: operandLibraries,
  constants,
  bindings: { source: read('Element'), factors: read('vec2f'), out: write('Element') },
  params: { images: 'u32', length: 'u32', source_length: 'u32', inner: 'u32', ...operandParams },
  workgroup: () => [workgroupSize, 1, 1],
  grid: ({ images, length, inner }) => foldGrid(Math.ceil((images * length * inner) / workgroupSize)),
  cost: ({ images, length, inner }, given) => costOf(images * length * inner, 6, given),
});

export const fftPhaseKernel = defineKernel({
  name: 'fft2d/phase',
  source: shaders['fft2d/phase.wgsl'],
  libraries: library('complex'),
  constants: { VECTOR: [false, true] },
  bindings: { gradient: read('Element'), spectrum: write('Element') },
  params: { count: 'u32', gradient_offset: 'u32' },
  workgroup: () => [workgroupSize, 1, 1],
  grid: ({ count }) => foldGrid(Math.ceil(count / workgroupSize)),
  cost: ({ count }, { VECTOR }) => {
    const values = count * (VECTOR === true ? 4 : 1);
    return { flops: 8 * values, bytes: 20 * values };
  },
});

/** Invocations of a workgroup of `fftLine`, and the values that its memory holds. */
export const lineInvocations = 128;
export const lineCapacity = (vector: boolean) => (vector ? 512 : 1024);

export const fftLine = defineKernel({
  name: 'fft2d/line',
  source: shaders['fft2d/line.wgsl'],
  libraries: { ...library('complex'), ...library('butterflies') },
  constants: { VECTOR: [false, true] },
  bindings,
  params: {
    lines: 'u32',
    length: 'u32',
    inner: 'u32',
    tile: 'u32',
    radices: 'u32',
    real: 'u32',
    magnitude: 'u32',
    ...operandParams,
  },
  workgroup: () => [lineInvocations, 1, 1],
  workgroupBytes: ({ VECTOR }) => 2 * lineCapacity(VECTOR === true) * (VECTOR === true ? 16 : 4),
  grid: ({ lines, tile }) => foldGrid(Math.ceil(lines / tile)),
  cost: ({ lines, length, real, magnitude }, { VECTOR }) =>
    costOf(lines * length, 7 * Math.log2(length), {
      VECTOR: VECTOR === true,
      REAL_INPUT: real === 1,
      MAGNITUDE: magnitude === 1,
    }),
});
