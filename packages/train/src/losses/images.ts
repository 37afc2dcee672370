import { ShapeError } from '@lua-webgpu/kernels';
import {
  elements,
  formatShape,
  type NdArray,
  requireDType,
  requireRank,
  type Scope,
  type Shape,
  sameShape,
  scoped,
  type Tensor,
  toChannelsLast,
} from '@lua-webgpu/tensor';

/** What a loss looks at, and what it cannot do without. */
export interface ImageRequirements {
  readonly loss: string;
  /** RGB images, [B, 3, H, W], rather than latents of any number of channels. */
  readonly rgb: boolean;
  /** The least height and width, and why. */
  readonly least?: { readonly side: number; readonly why: string };
}

/**
 * Computes a loss of a prediction and a target, [B, C, H, W] both, in a scope of its own: the result moves to the
 * prediction's scope, what else `compute` made is released. The target is a constant: no gradient flows to it, and what
 * is computed of it alone is not recorded. It may belong to any scope of the device.
 * @throws ShapeError `shape-rank`, `shape-mismatch`, `shape-empty`, `dtype-mismatch`, `image-small`
 */
export function compareImages(
  requirements: ImageRequirements,
  prediction: Tensor,
  target: Tensor,
  compute: (prediction: Tensor, target: Tensor) => Tensor,
): Tensor {
  const { loss } = requirements;
  for (const [name, { shape, dtype }] of Object.entries({ prediction, target })) {
    requireDType(loss, name, dtype, 'f32');
    requireRank(loss, name, shape, 4);
  }
  if (!sameShape(prediction.shape, target.shape)) {
    throw new ShapeError(
      'shape-mismatch',
      `${loss}: prediction ${formatShape(prediction.shape)}, target ${formatShape(target.shape)}`,
      'Pass a target of the shape of the prediction; nothing is broadcast.',
    );
  }
  requireImages(requirements, prediction.shape);
  return scoped(prediction, (inner) => compute(inner, scopeOf(inner).borrow(target).detach()));
}

/** The scope of a tensor that an op or `scoped` made. */
export const scopeOf = ({ scope }: Tensor) => scope as Scope;

function requireImages({ loss, rgb, least }: ImageRequirements, shape: Shape): void {
  const [, channels = 0, height = 0, width = 0] = shape;
  if (elements(shape) === 0) {
    throw new ShapeError(
      'shape-empty',
      `${loss}: ${formatShape(shape)} has no elements, so there is no mean`,
      'Check for an empty batch before taking the loss.',
    );
  }
  if (rgb && channels !== 3) {
    throw new ShapeError(
      'shape-mismatch',
      `${loss}: ${formatShape(shape)} has ${channels} channels, RGB images [B, 3, H, W] are needed`,
      'Pass decoded images, not latents.',
    );
  }
  if (least && Math.min(height, width) < least.side) {
    throw new ShapeError(
      'image-small',
      `${loss}: ${formatShape(shape)} is smaller than ${least.side}×${least.side}, ${least.why}`,
      'Pass larger images.',
    );
  }
}

/**
 * x [B, C, H, W] in the layout of the ops that treat every channel alike: [B, H, W, C] where four channels make a vec4,
 * else [B·C, H, W, 1], which moves nothing and is faster for RGB than three channels in one image.
 */
export function toImages(x: Tensor): Tensor {
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  return channels % 4 === 0 ? toChannelsLast(x) : x.reshape([batch * channels, height, width, 1]);
}

/** The same of an array in float64: every channel an image of its own. */
export function toImageArray({ shape, data }: NdArray): NdArray {
  const [batch = 0, channels = 0, height = 0, width = 0] = shape;
  return { shape: [batch * channels, height, width, 1], data };
}
