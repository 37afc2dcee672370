import { preferProduct, withoutIdleLanes } from '../lib/index.ts';
import { matmul } from '../matmul/index.ts';
import { type Device, type Family, pick } from '../runtime/index.ts';
import { directVariants } from './direct.ts';
import { conv2dIsMatmul, conv2dOutputSize } from './geometry.ts';
import type { Conv2dBuffers, Conv2dShape, Conv2dVariant } from './shape.ts';
import { winograd, winogradPays } from './winograd.ts';

export {
  type Conv2dGeometry,
  type Conv2dPiece,
  conv2dIsMatmul,
  conv2dOutputSize,
  conv2dPieces,
  type Padding,
} from './geometry.ts';
export type { Conv2dBuffers, Conv2dShape } from './shape.ts';
export { conv2dScratchBytes, winogradInput, winogradWeight } from './winograd.ts';

export const conv2dFamily: Family<Conv2dShape, Conv2dVariant> = {
  name: 'conv2d',
  variants: [...directVariants, winograd],
  prefer(variants, capabilities, shape) {
    if (winogradPays(capabilities, shape)) return [winograd, ...variants];
    const { height, width } = conv2dOutputSize(shape);
    const size = { rows: shape.batch * height * width, columns: shape.cout, depth: shape.cin };
    return preferProduct(withoutIdleLanes(variants, capabilities, shape.cout), capabilities, size);
  },
};

/**
 * Records a convolution: a matrix product where the kernel is 1×1 with stride 1 and no padding, else what the variant
 * for the shape does.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large`
 */
export function conv2d(device: Device, buffers: Conv2dBuffers, shape: Conv2dShape): void {
  const { batch, cout, cin } = shape;
  const size = conv2dOutputSize(shape);
  if (batch * cout === 0 || size.height <= 0 || size.width <= 0) return;
  if (conv2dIsMatmul(shape)) {
    const { x: a, weight: b, bias, out } = buffers;
    const rows = batch * shape.height * shape.width;
    matmul(
      device,
      { a, b, bias, out },
      { rows, k: cin, n: cout, bias: shape.bias, activation: shape.activation },
    );
    return;
  }
  pick(conv2dFamily, device, shape).record(device, buffers, shape);
}
