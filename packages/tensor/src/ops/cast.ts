import {
  castFromHalf,
  castFromHalfFamily,
  castToHalf,
  castToHalfFamily,
  ShapeError,
} from '@lua-webgpu/kernels';
import { type DType, elements, requireDType, type Tensor } from '../core/index.ts';
import { f16ToF32Bits, f32BitsToF16 } from '../files/index.ts';
import { apply, type NdArray, type OpDefinition, required, type Sample, type Vjp } from './define.ts';

type None = Readonly<Record<string, never>>;

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
/** Ends of ranges, ties and their neighbours; then what neither format holds. */
const edges = [
  0,
  1,
  65504,
  65519.996,
  65520,
  65536,
  1e30,
  2 ** -14,
  2 ** -24,
  2 ** -25,
  2 ** -25 * (1 + 2 ** -20),
  3 * 2 ** -25,
  5 * 2 ** -25,
  2 ** -14 - 2 ** -25,
  2 ** -14 - 2 ** -24,
  1e-40,
  1 + 2 ** -11,
  1 + 3 * 2 ** -11,
  1 + 2 ** -11 + 2 ** -20,
  2047.5,
  2048.5,
  2049,
  1 / 3,
  infinity,
].flatMap((x) => [x, -x]);

const finite: readonly Sample<None>[] = [
  { inputs: [[2, 3, 4, 5]], attributes: {} },
  { inputs: [[3, 500]], attributes: {} },
  { name: 'odd count', inputs: [[7, 11]], attributes: {} },
  { name: 'even count', inputs: [[3, 2]], attributes: {} },
  { name: 'rank 0', inputs: [[]], attributes: {} },
  { name: 'empty', inputs: [[0, 4]], attributes: {} },
];
const samples: readonly Sample<None>[] = [
  ...finite,
  { name: 'edges', inputs: [array(edges)], attributes: {} },
  { name: 'edges, odd count', inputs: [array([...edges, nan])], attributes: {} },
];

function array(values: readonly number[]): NdArray {
  return { shape: [values.length], data: Float64Array.from(values) };
}

/**
 * Gradients are f32 on both sides of a cast, so they pass as they are. Rounding is taken for the identity (a
 * straight-through estimator, as in PyTorch, which rounds the gradient to f16 as well).
 */
const identity: Vjp<None> = {
  saves: {},
  run: ({ gradient }) => [gradient],
  reference: (_inputs, _attributes, cotangent) => [cotangent],
  tolerance: () => [0],
  samples: finite,
  derivativeOf: (inputs) => required(inputs, 0),
};

export const castToHalfOp: OpDefinition<None> = {
  name: 'castToHalf',
  families: [castToHalfFamily.name],

  infer(inputs) {
    const x = required(inputs, 0);
    requireDType('cast', 'x', x.dtype, 'f32');
    return { shape: x.shape, dtype: 'f16' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    castToHalf(device, { x: x.buffer, out: out.buffer }, { count: elements(x.shape) });
  },

  reference(inputs) {
    const x = required(inputs, 0);
    return { shape: x.shape, data: roundToHalf(x.data) };
  },

  samples,
  refusals: [{ code: 'dtype-mismatch', inputs: [[2]], dtypes: ['i32'], attributes: {} }],
  tolerance: () => 0,
  vjp: identity,
};

export const castFromHalfOp: OpDefinition<None> = {
  ...castToHalfOp,
  name: 'castFromHalf',
  families: [castFromHalfFamily.name],
  inputDTypes: ['f16'],

  infer(inputs) {
    const x = required(inputs, 0);
    requireDType('cast', 'x', x.dtype, 'f16');
    return { shape: x.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    castFromHalf(device, { x: x.buffer, out: out.buffer }, { count: elements(x.shape) });
  },

  refusals: [{ code: 'dtype-mismatch', inputs: [[2]], dtypes: ['f32'], attributes: {} }],
};

/** The nearest values that float16 has. */
function roundToHalf(values: Float64Array): Float64Array {
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  const halves = bits.map((word) => f16ToF32Bits(f32BitsToF16(word)));
  return Float64Array.from(new Float32Array(halves.buffer));
}

/**
 * x as another dtype: f32 to f16 storage (to nearest, ties to even, 65520 and above to infinity) or back (exact). A
 * tensor that has the dtype already comes back as another handle on the same memory. Needs no f16 feature. The gradient
 * of either is f32 and passes as it is.
 * @throws ShapeError `dtype-mismatch` for other pairs of dtypes
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (dtype === x.dtype) return x.reshape(x.shape);
  if (dtype === 'f16') return apply(castToHalfOp, [x], {});
  if (dtype === 'f32') return apply(castFromHalfOp, [x], {});
  throw new ShapeError('dtype-mismatch', `cast: ${x.dtype} to ${dtype}`, 'Casts go between f32 and f16.');
}
