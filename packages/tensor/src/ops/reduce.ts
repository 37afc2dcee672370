import { type Reduction, reduce as record, reduceFamily, ShapeError } from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required, type Sample } from './define.ts';
import { reductionVjp } from './reduce-gradients.ts';
import { type ReduceAttributes, reducedShape, resolveAxes } from './reduced-axes.ts';
import { treeDepth } from './reduction-error.ts';
import { absolute, epsilon } from './tolerance.ts';

const all: ReduceAttributes = { axes: undefined, keepDims: false };
const over = (...axes: number[]): ReduceAttributes => ({ axes, keepDims: false });

function defineReduction(name: Reduction): OpDefinition<ReduceAttributes> {
  const emptyIsZero = name === 'sum';
  const samples = samplesOf(emptyIsZero);
  return {
    name,
    families: [reduceFamily.name],

    infer(inputs, attributes) {
      const x = required(inputs, 0);
      requireDType(name, 'x', x.dtype, 'f32');
      const axes = resolveAxes(name, x.shape, attributes);
      if (!emptyIsZero && axes.some((axis) => x.shape[axis] === 0)) {
        throw new ShapeError(
          'shape-empty',
          `${name}: ${formatShape(x.shape)} has no elements along the axes ${formatShape(axes)}`,
          `Check for an empty axis before taking the ${name}.`,
        );
      }
      return { shape: reducedShape(x.shape, axes, attributes.keepDims), dtype: 'f32' };
    },

    forward({ device, inputs, out, attributes }) {
      const x = required(inputs, 0);
      const axes = resolveAxes(name, x.shape, attributes);
      record(device, { x: x.buffer, out: out.buffer }, { reduction: name, sizes: x.shape, axes });
    },

    reference(inputs, attributes) {
      const x = required(inputs, 0);
      return reduceArray(name, x, resolveAxes(name, x.shape, attributes), attributes.keepDims);
    },

    samples,

    refusals: [
      { code: 'attribute-invalid', inputs: [[2, 3]], attributes: over(2) },
      { code: 'attribute-invalid', inputs: [[2, 3]], attributes: over(-3) },
      { code: 'attribute-invalid', inputs: [[2, 3]], attributes: over(0.5) },
      { code: 'attribute-invalid', inputs: [[2, 3]], attributes: over(1, -1) },
      { code: 'dtype-mismatch', inputs: [[2, 3]], dtypes: ['i32'], attributes: all },
      ...(emptyIsZero
        ? []
        : [
            { code: 'shape-empty', inputs: [[0]], attributes: all },
            { code: 'shape-empty', inputs: [[3, 0]], attributes: over(1) },
          ]),
    ],

    tolerance(inputs, attributes, reference) {
      if (name === 'max' || name === 'min') return 0;
      const x = required(inputs, 0);
      const terms = elements(x.shape) / Math.max(1, reference.data.length);
      const axes = resolveAxes(name, x.shape, attributes);
      const magnitudes = reduceArray(name, absolute(x), axes, attributes.keepDims);
      return magnitudes.data.map((magnitude) => epsilon * treeDepth(terms) * magnitude);
    },

    vjp: reductionVjp(name, samples),
  };
}

function samplesOf(emptyIsZero: boolean): Sample<ReduceAttributes>[] {
  return [
    { inputs: [[2, 3, 4, 8]], attributes: all },
    { inputs: [[5, 7, 12]], attributes: over(-1) },
    { inputs: [[5, 7, 12]], attributes: over(0) },
    { inputs: [[5, 7, 12]], attributes: over(1) },
    { inputs: [[5, 7, 12]], attributes: { axes: [0, 2], keepDims: true } },
    { inputs: [[3, 2, 5, 4, 3]], attributes: over(0, 2, 4) },
    { inputs: [[3, 2, 5, 4, 3]], attributes: { axes: [-2, 1], keepDims: true } },
    { name: 'odd rows', inputs: [[6, 13]], attributes: over(1) },
    { name: 'odd columns', inputs: [[13, 7]], attributes: over(0) },
    { name: 'one pass of a long row', inputs: [[3, 1020]], attributes: over(1) },
    { name: 'two passes', inputs: [[2, 5000]], attributes: over(1) },
    { name: 'two passes, odd', inputs: [[3, 2003]], attributes: over(1) },
    { name: 'two passes of columns', inputs: [[700, 12]], attributes: over(0) },
    { name: 'two passes of odd columns', inputs: [[1031, 3]], attributes: over(0) },
    { name: 'three passes', inputs: [[300_004]], attributes: all },
    { name: 'no axes', inputs: [[3, 4]], attributes: over() },
    { name: 'axes of size 1', inputs: [[1, 5, 1]], attributes: over(0, 2) },
    { name: 'rank 0', inputs: [[]], attributes: all },
    { name: 'nothing kept', inputs: [[0, 3]], attributes: over(1) },
    ...(emptyIsZero
      ? [
          { name: 'empty', inputs: [[0]], attributes: all },
          { name: 'empty columns', inputs: [[0, 5]], attributes: over(0) },
          { name: 'empty rows', inputs: [[4, 0, 2]], attributes: over(1, 2) },
        ]
      : []),
  ];
}

function reduceArray(name: Reduction, x: NdArray, axes: readonly number[], keepDims: boolean): NdArray {
  const shape = reducedShape(x.shape, axes, keepDims);
  const start = name === 'max' ? Number.NEGATIVE_INFINITY : name === 'min' ? Number.POSITIVE_INFINITY : 0;
  const data = new Float64Array(elements(shape)).fill(start);
  const terms = axes.reduce((product, axis) => product * (x.shape[axis] ?? 1), 1);
  x.data.forEach((value, index) => {
    let rest = index;
    let at = 0;
    let stride = 1;
    for (let axis = x.shape.length - 1; axis >= 0; axis--) {
      const size = x.shape[axis] ?? 1;
      if (!axes.includes(axis)) {
        at += (rest % size) * stride;
        stride *= size;
      }
      rest = Math.floor(rest / size);
    }
    const so = data[at] ?? 0;
    if (name === 'max') data[at] = Math.max(so, value);
    else if (name === 'min') data[at] = Math.min(so, value);
    else data[at] = so + value;
  });
  return { shape, data: name === 'mean' ? data.map((value) => value / terms) : data };
}

const ops = {
  sum: defineReduction('sum'),
  mean: defineReduction('mean'),
  max: defineReduction('max'),
  min: defineReduction('min'),
};

/** The reductions, for the registry. */
export const reduceOps: readonly OpDefinition<ReduceAttributes>[] = Object.values(ops);

export interface ReduceOptions {
  /** Axes to reduce; negative ones count from the end. All by default. */
  readonly axes?: readonly number[];
  /** Whether reduced axes stay, with size 1. False by default. */
  readonly keepDims?: boolean;
}

const run = (name: Reduction, x: Tensor, options: ReduceOptions): Tensor =>
  apply(ops[name], [x], { axes: options.axes, keepDims: options.keepDims ?? false });

/**
 * Sum of an f32 tensor over axes, in a fixed order by trees; 0 over no elements.
 * @throws ShapeError `attribute-invalid`, `dtype-mismatch`, as all ops of this file
 */
export const sum = (x: Tensor, options: ReduceOptions = {}): Tensor => run('sum', x, options);
/** Mean over axes. @throws ShapeError `shape-empty` over no elements */
export const mean = (x: Tensor, options: ReduceOptions = {}): Tensor => run('mean', x, options);
/** Largest element over axes, to whose first occurrence the gradient flows; NaN is not reliably propagated. @throws ShapeError `shape-empty` over no elements */
export const max = (x: Tensor, options: ReduceOptions = {}): Tensor => run('max', x, options);
/** Smallest element over axes, to whose first occurrence the gradient flows; NaN is not reliably propagated. @throws ShapeError `shape-empty` over no elements */
export const min = (x: Tensor, options: ReduceOptions = {}): Tensor => run('min', x, options);
