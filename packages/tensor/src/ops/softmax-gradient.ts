import { softmaxGradient as record, ShapeError, softmaxGradientFamily } from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, sameShape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type OpDefinition, required } from './define.ts';
import { softmaxGradientArray, softmaxGradientBound } from './softmax-reference.ts';

type None = Readonly<Record<string, never>>;

const sample = (name: string, ...shape: number[]) => ({ name, inputs: [shape, shape], attributes: {} });

export const softmaxGradientOp: OpDefinition<None> = {
  name: 'softmaxGradient',
  families: [softmaxGradientFamily.name],

  infer(inputs) {
    const y = required(inputs, 0);
    const gradient = required(inputs, 1);
    for (const [name, { dtype }] of Object.entries({ y, gradient })) {
      requireDType('softmaxGradient', name, dtype, 'f32');
    }
    if (y.shape.length === 0 || !sameShape(y.shape, gradient.shape)) {
      throw new ShapeError(
        'shape-mismatch',
        `softmaxGradient: y ${formatShape(y.shape)} and gradient ${formatShape(gradient.shape)}`,
        'Pass the result of softmax and its gradient, which have one shape of at least one axis.',
      );
    }
    return { shape: y.shape, dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const y = required(inputs, 0);
    const gradient = required(inputs, 1);
    const shape = { rows: elements(y.shape.slice(0, -1)), length: y.shape.at(-1) ?? 0 };
    record(device, { y: y.buffer, gradient: gradient.buffer, out: out.buffer }, shape);
  },

  reference: (inputs) => softmaxGradientArray(required(inputs, 0), required(inputs, 1)),

  samples: [
    sample('three axes', 2, 3, 8),
    sample('two workgroups', 70, 64),
    sample('long rows', 3, 1000),
    sample('long odd rows', 3, 997),
    sample('odd rows', 5, 7),
    sample('rows of one', 5, 1),
    sample('one row', 12),
    sample('no rows', 0, 4),
    sample('rows of nothing', 4, 0),
  ],

  refusals: [
    { code: 'shape-mismatch', inputs: [[], []], attributes: {} },
    { code: 'shape-mismatch', inputs: [[3, 4], [12]], attributes: {} },
    { code: 'dtype-mismatch', inputs: [[4], [4]], dtypes: ['f32', 'i32'], attributes: {} },
  ],

  tolerance: (inputs) =>
    softmaxGradientBound(
      required(inputs, 0),
      required(inputs, 1),
      new Float64Array(required(inputs, 0).data.length),
    ),
  vjp: firstOrder,
};

/**
 * y · (gradient − Σ gradient·y) over the last axis: what softmax passes back, y being its result.
 * @throws ShapeError `shape-mismatch`, `dtype-mismatch`, AllocationError `binding-too-large` when 64 rows exceed a
 *   binding
 */
export const softmaxGradient = (y: Tensor, gradient: Tensor): Tensor =>
  apply(softmaxGradientOp, [y, gradient], {});
