import { l1LossGradientFamily, l1LossGradient as record, ShapeError } from '@lua-webgpu/kernels';
import { elements, formatShape, requireDType, type Shape, type Tensor } from '../core/index.ts';
import { apply, firstOrder, type NdArray, type OpDefinition, required } from './define.ts';
import { l1LossGradientReference, requirePair } from './l1-loss.ts';
import { ulpBound } from './tolerance.ts';

const withScalar = (shape: Shape): Shape[] => [shape, shape, []];

/** Elements that are equal, above and below, in turns. */
function ties(shape: Shape): (NdArray | Shape)[] {
  const x = Float64Array.from({ length: elements(shape) }, (_, i) => (i % 7) - 3);
  return [{ shape, data: x }, { shape, data: x.map((value, i) => value + (i % 3) - 1) }, []];
}

export const l1LossGradientOp: OpDefinition<object> = {
  name: 'l1LossGradient',
  families: [l1LossGradientFamily.name],

  infer(inputs) {
    const { shape } = requirePair('l1LossGradient', inputs);
    const gradient = required(inputs, 2);
    requireDType('l1LossGradient', 'gradient', gradient.dtype, 'f32');
    if (elements(gradient.shape) !== 1) {
      throw new ShapeError(
        'shape-mismatch',
        `l1LossGradient: the gradient has shape ${formatShape(gradient.shape)}`,
        'Pass a gradient of one element.',
      );
    }
    return { shape, dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const [x, y, gradient] = [required(inputs, 0), required(inputs, 1), required(inputs, 2)];
    record(
      device,
      { x: x.buffer, y: y.buffer, gradient: gradient.buffer, out: out.buffer },
      { count: elements(x.shape) },
    );
  },

  reference: (inputs) => l1LossGradientReference(inputs, required(inputs, 2).data[0] ?? 0),

  samples: [
    { inputs: withScalar([2, 3, 4, 8]), attributes: {} },
    { name: 'two workgroups', inputs: withScalar([3, 500]), attributes: {} },
    { name: 'odd count', inputs: withScalar([7, 11, 3]), attributes: {} },
    { name: 'ties', inputs: ties([5, 12]), attributes: {} },
    { name: 'ties, odd count', inputs: ties([3, 7]), attributes: {} },
    { name: 'one value', inputs: withScalar([]), attributes: {} },
  ],

  refusals: [
    { code: 'shape-mismatch', inputs: [[2, 3], [2, 4], []], attributes: {} },
    { code: 'shape-mismatch', inputs: [[2, 3], [2, 3], [2]], attributes: {} },
    { code: 'shape-empty', inputs: withScalar([0]), attributes: {} },
    { code: 'dtype-mismatch', inputs: withScalar([4]), dtypes: ['f32', 'f32', 'i32'], attributes: {} },
  ],

  tolerance: (_inputs, _attributes, reference) => ulpBound(2, reference, 2 ** -126),

  vjp: firstOrder,
};

/**
 * The gradient of gradient · l1Loss(x, y) with respect to x: gradient/N · sign(x − y), 0 where the two are equal.
 * `gradient` has one element.
 * @throws ShapeError `shape-mismatch`, `shape-empty`, `dtype-mismatch`
 */
export function l1LossGradient(x: Tensor, y: Tensor, gradient: Tensor): Tensor {
  return apply(l1LossGradientOp, [x, y, gradient], {});
}
