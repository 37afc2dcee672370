import { patchVarianceFamily, patchVariance as record } from '@lua-webgpu/kernels';
import type { Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, required } from './define.ts';
import {
  type PatchVarianceAttributes,
  patchShape,
  varianceBound,
  varianceGradientBound,
  varianceGradientReference,
  varianceReference,
} from './patch-reference.ts';

const three: PatchVarianceAttributes = { size: 3 };

/** Patches with a mean of 100 and differences of a thousandth. */
const farFromZero: NdArray = {
  shape: [1, 6, 6, 4],
  data: Float64Array.from({ length: 144 }, (_, i) => 100 + ((i * 29) % 48) / 48_000),
};

export const patchVarianceOp: OpDefinition<PatchVarianceAttributes> = {
  name: 'patchVariance',
  families: [patchVarianceFamily.name],

  infer: (inputs, { size }) => ({
    shape: patchShape('patchVariance', required(inputs, 0), size),
    dtype: 'f32',
  }),

  forward({ device, inputs, out, attributes }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    record(device, { x: x.buffer, out: out.buffer }, { batch, height, width, channels, ...attributes });
  },

  reference: (inputs, { size }) => varianceReference(required(inputs, 0), size),

  samples: [
    { inputs: [[2, 9, 12, 4]], attributes: three },
    { name: 'luminance with remainders', inputs: [[2, 25, 38, 1]], attributes: three },
    { name: 'RGB', inputs: [[1, 8, 7, 3]], attributes: three },
    { name: 'two workgroups', inputs: [[1, 20, 21, 12]], attributes: { size: 2 } },
    { name: 'large patches', inputs: [[1, 17, 11, 1]], attributes: { size: 5 } },
    { name: 'one patch', inputs: [[1, 3, 3, 1]], attributes: three },
    { name: 'a mean far from zero', inputs: [farFromZero], attributes: three },
    { name: 'smaller than a patch', inputs: [[1, 2, 9, 4]], attributes: three },
    { name: 'empty', inputs: [[0, 9, 9, 4]], attributes: three },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[9, 9, 4]], attributes: three },
    { code: 'attribute-invalid', inputs: [[1, 9, 9, 4]], attributes: { size: 1 } },
    { code: 'attribute-invalid', inputs: [[1, 9, 9, 4]], attributes: { size: 2.5 } },
  ],

  tolerance: (inputs, { size }) => varianceBound(required(inputs, 0), size),

  vjp: {
    saves: { inputs: [0] },
    run: ({ ops, inputs, gradient, attributes }) => [
      ops.patchVarianceGradient(required(inputs, 0), gradient, attributes),
    ],
    reference: (inputs, { size }, cotangent) => [
      varianceGradientReference(required(inputs, 0), cotangent, size),
    ],
    tolerance: (inputs, { size }, cotangent) => [varianceGradientBound(required(inputs, 0), cotangent, size)],
  },
};

/**
 * The unbiased variance of each patch of `size` × `size` pixels of x [B, H, W, C], patches side by side, what remains at
 * the right and at the bottom left out → [B, ⌊H/size⌋, ⌊W/size⌋, C] (EAGLE, Sun et al. 2025).
 * @throws ShapeError `shape-rank`, `dtype-mismatch`, `attribute-invalid` unless size ≥ 2
 */
export function patchVariance(x: Tensor, options: { size: number }): Tensor {
  return apply(patchVarianceOp, [x], options);
}
