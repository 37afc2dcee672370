import { maxAttentionWindow, ShapeError, type WindowAttentionShape } from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Shape, type TensorSpec } from '../core/index.ts';
import { type Operands, required } from './define.ts';

export interface WindowAttentionAttributes {
  readonly heads: number;
  /** Side of a window in pixels, 1 to 16. */
  readonly window: number;
  /** Pixels by which the image is rolled towards the top left before it is cut into windows; 0 for none. */
  readonly shift: number;
  /** What q is multiplied by: (true head dimension)^−½. */
  readonly scale: number;
}

/** Checks [qkv, table, …] and says what attention on them gives. @throws ShapeError */
export function inferAttention(
  op: string,
  inputs: Operands<TensorSpec>,
  attributes: WindowAttentionAttributes,
): TensorSpec {
  const [qkv, table] = [required(inputs, 0), required(inputs, 1)];
  requireDType(op, 'qkv', qkv.dtype, 'f32');
  requireDType(op, 'table', table.dtype, 'f32');
  requireRank(op, 'qkv', qkv.shape, 4);
  requireRank(op, 'table', table.shape, 2);
  checkAttributes(op, attributes);
  const { heads, window } = attributes;
  const [batch = 0, height = 0, width = 0, channels = 0] = qkv.shape;
  if (channels % (3 * heads) !== 0) {
    throw new ShapeError(
      'shape-mismatch',
      `${op}: the ${channels} channels of qkv ${formatShape(qkv.shape)} are not q, k and v of ${heads} heads`,
      `Pass a multiple of ${3 * heads} channels.`,
    );
  }
  if (height % window !== 0 || width % window !== 0) {
    throw new ShapeError(
      'shape-mismatch',
      `${op}: qkv ${formatShape(qkv.shape)} does not divide into windows of ${window}×${window}`,
      'Pad height and width to multiples of the window with pad2d.',
    );
  }
  const entries = (2 * window - 1) ** 2;
  if (table.shape[0] !== entries || table.shape[1] !== heads) {
    throw new ShapeError(
      'shape-mismatch',
      `${op}: table ${formatShape(table.shape)} does not fit ${heads} heads and windows of ${window}`,
      `Pass a table of shape [${entries}, ${heads}].`,
    );
  }
  return { shape: [batch, height, width, channels / 3], dtype: 'f32' };
}

function checkAttributes(op: string, { heads, window, shift, scale }: WindowAttentionAttributes): void {
  const refuse = (what: string, fix: string): never => {
    throw new ShapeError('attribute-invalid', `${op}: ${what}`, fix);
  };
  if (!Number.isSafeInteger(heads) || heads < 1) refuse(`${heads} heads`, 'Pass a whole number from 1.');
  if (!Number.isSafeInteger(window) || window < 1 || window > maxAttentionWindow) {
    refuse(`a window of ${window}`, `Pass a whole number from 1 to ${maxAttentionWindow}.`);
  }
  if (!Number.isSafeInteger(shift) || shift < 0 || shift >= window) {
    refuse(
      `a shift of ${shift} with windows of ${window}`,
      'Pass a whole number from 0 that is below the window.',
    );
  }
  if (!Number.isFinite(scale)) refuse(`a scale of ${scale}`, 'Pass (head dimension)^−½.');
}

/** The sizes for the kernels. */
export function attentionSizes(qkv: Shape, attributes: WindowAttentionAttributes): WindowAttentionShape {
  const [images = 0, height = 0, width = 0, channels = 0] = qkv;
  return { images, height, width, headDim: channels / (3 * attributes.heads), ...attributes };
}
