import { type BufferRange, type Device, type Family, pick, type Variant } from '../runtime/index.ts';
import type { Constants } from '../wgsl/index.ts';
import { fftLine, fftModulate, fftPassAny, fftPasses, lineCapacity, lineInvocations } from './kernels.ts';
import { butterflyRadices, chirp, chirpSpectrum, convolutionLength, factorise, roots } from './plan.ts';

/** Transforms along the middle of [outer, length, inner]. */
export interface AxisShape {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/** A complex array in a buffer: where its parts begin, in float32 elements. */
export interface Planes {
  readonly range: BufferRange;
  readonly re: number;
  readonly im: number;
}

/** What a step reads and writes, which only its place in the whole decides. */
export interface StepOperands {
  readonly source: Planes;
  readonly out: Planes;
  /** The source has a real part only. */
  readonly real: boolean;
  /** Only magnitudes are written, to the real part of out. */
  readonly magnitude: boolean;
  readonly scale: number;
}

/** One dispatch of a transform. */
export interface Step {
  /** Complex values that it writes. */
  readonly values: number;
  /** It writes, for the next step, the real part where the imaginary belongs and the other way round. */
  readonly exchanges?: boolean;
  record(device: Device, operands: StepOperands): void;
}

type FftVariant = Variant<AxisShape> & { readonly steps: (shape: AxisShape) => Step[] };

const isVector = ({ inner }: AxisShape) => inner % 4 === 0;
const lanesOf = (shape: AxisShape) => (isVector(shape) ? 4 : 1);
const lineConstants = (shape: AxisShape): Constants => ({ VECTOR: isVector(shape) });
/** Of an inner pass; the ends of a transform differ, and need no more of a device. */
const passConstants = (shape: AxisShape): Constants => ({
  VECTOR: isVector(shape),
  REAL_INPUT: false,
  MAGNITUDE: false,
});

/**
 * Transforms whose length has a factorisation: in workgroup memory, but by passes through global memory on software
 * adapters, where barriers are slow, and where one pass does.
 */
export const fft2dFamily: Family<AxisShape, FftVariant> = {
  name: 'fft2d',
  variants: [
    {
      name: 'line',
      kernel: fftLine,
      constants: lineConstants,
      refuses: (shape) =>
        linesPerGroup(shape) > 0
          ? undefined
          : 'takes lengths from 2 to about 512 with no factors but 2, 3, 5 and 7',
      steps: lineSteps,
    },
    { name: 'pass', kernel: fftPassAny, constants: passConstants, steps: passSteps },
  ],
  prefer: (variants, { software }, { length }) =>
    software || factorise(length)?.length === 1 ? [...variants].reverse() : variants,
};

/**
 * The steps of a transform along an axis.
 * @throws KernelError `kernel-forced`
 */
export function axisSteps(device: Device, shape: AxisShape): Step[] {
  return factorise(shape.length)
    ? pick(fft2dFamily, device, shape).steps(shape)
    : bluesteinSteps(device, shape);
}

function dispatchOptions(shape: AxisShape, { source, out, real, magnitude, scale }: StepOperands) {
  const lanes = lanesOf(shape);
  return {
    constants: { VECTOR: isVector(shape), REAL_INPUT: real, MAGNITUDE: magnitude },
    operands: {
      source_re: source.re / lanes,
      source_im: source.im / lanes,
      out_re: out.re / lanes,
      out_im: out.im / lanes,
      scale,
    },
  };
}

const rootTable = (device: Device, length: number) =>
  device.tables.get(`fft roots ${length}`, () => Float32Array.from(roots(length)));

function passSteps(shape: AxisShape): Step[] {
  const { outer, length, inner } = shape;
  const factors = factorise(length) ?? [];
  let span = 1;
  return (factors.length > 0 ? factors : [1]).map((radix) => {
    const before = span;
    span *= radix;
    return {
      values: outer * length * inner,
      record(device, planes) {
        const { constants, operands } = dispatchOptions(shape, planes);
        const buffers = {
          source: planes.source.range,
          roots: rootTable(device, length),
          out: planes.out.range,
        };
        const params = {
          butterflies: (outer * length * inner) / radix / lanesOf(shape),
          inner: inner / lanesOf(shape),
          steps: length / radix,
          span: before,
          root_step: length / radix / before,
          ...operands,
        };
        const kernel = fftPasses.get(radix);
        if (kernel) device.dispatch(kernel, { buffers, params, constants });
        else device.dispatch(fftPassAny, { buffers, params: { ...params, radix }, constants });
      },
    };
  });
}

/** Lines that a workgroup of `fftLine` can take, 0 where it cannot take one. */
function linesPerGroup(shape: AxisShape): number {
  const { length } = shape;
  const factors = factorise(length) ?? [];
  const isSmooth = factors.every((factor) => (butterflyRadices as readonly number[]).includes(factor));
  if (factors.length === 0 || !isSmooth) return 0;
  const butterflies = length / Math.min(...factors);
  return Math.min(
    Math.floor(lineCapacity(isVector(shape)) / length),
    Math.floor(lineInvocations / butterflies),
  );
}

function lineSteps(shape: AxisShape): Step[] {
  const { outer, length, inner } = shape;
  const radices = (factorise(length) ?? []).reduceRight((packed, radix) => packed * 16 + radix, 0);
  return [
    {
      values: outer * length * inner,
      record(device, planes) {
        const { operands } = dispatchOptions(shape, planes);
        const lines = (outer * inner) / lanesOf(shape);
        device.dispatch(fftLine, {
          buffers: { source: planes.source.range, roots: rootTable(device, length), out: planes.out.range },
          params: {
            lines,
            length,
            inner: inner / lanesOf(shape),
            tile: Math.min(linesPerGroup(shape), lines),
            radices,
            real: planes.real ? 1 : 0,
            magnitude: planes.magnitude ? 1 : 0,
            ...operands,
          },
          constants: lineConstants(shape),
        });
      },
    },
  ];
}

function bluesteinSteps(device: Device, shape: AxisShape): Step[] {
  const { outer, length, inner } = shape;
  const cycle = convolutionLength(length);
  const modulate = (from: number, to: number, key: string, make: () => Float64Array): Step => ({
    values: outer * to * inner,
    record(target, planes) {
      const { constants, operands } = dispatchOptions(shape, planes);
      const factors = target.tables.get(key, () => Float32Array.from(make()));
      target.dispatch(fftModulate, {
        buffers: { source: planes.source.range, factors, out: planes.out.range },
        params: {
          images: outer,
          length: to,
          source_length: from,
          inner: inner / lanesOf(shape),
          ...operands,
        },
        constants,
      });
    },
  });
  const convolution = axisSteps(device, { outer, length: cycle, inner });
  const back = convolution.map((step, i) =>
    i === convolution.length - 1 ? { ...step, exchanges: true } : step,
  );
  const chirpKey = `fft chirp ${length}`;
  const spectrum = modulate(cycle, cycle, `fft chirp spectrum ${length}`, () => chirpSpectrum(length, cycle));
  return [
    modulate(length, cycle, chirpKey, () => chirp(length)),
    ...convolution,
    { ...spectrum, exchanges: true },
    ...back,
    modulate(cycle, length, chirpKey, () => chirp(length)),
  ];
}
