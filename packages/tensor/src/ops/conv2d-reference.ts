import { type Activation, type Conv2dGeometry, conv2dOutputSize, type Padding } from '@lua-webgpu/kernels';
import type { Shape } from '../core/index.ts';
import { type NdArray, type Operands, required } from './define.ts';

/** How a convolution's windows lie, and what is applied to its result. */
export interface Conv2dAttributes {
  readonly stride: number;
  readonly padding: Padding;
  readonly activation: Activation;
}

type Windows = Pick<Conv2dAttributes, 'stride' | 'padding'>;

/** The geometry of a convolution of x [B, H, W, Cin] with a weight [kh, kw, Cin, Cout]. */
export function geometryOf(x: Shape, weight: Shape, { stride, padding }: Windows): Conv2dGeometry {
  const [batch = 0, height = 0, width = 0, cin = 0] = x;
  const [kernelHeight = 0, kernelWidth = 0, , cout = 0] = weight;
  return { batch, height, width, cin, cout, kernelHeight, kernelWidth, stride, padding };
}

/** Float64 reference of the convolution and bias without the activation. */
export function correlate(inputs: Operands<NdArray>, windows: Windows): NdArray {
  const x = required(inputs, 0);
  const weight = required(inputs, 1);
  const bias = inputs[2];
  const shape = geometryOf(x.shape, weight.shape, windows);
  const { batch, cin, cout } = shape;
  const { height, width } = conv2dOutputSize(shape);
  const data = new Float64Array(batch * height * width * cout);
  for (let at = 0; bias && at < data.length; at += cout) data.set(bias.data, at);
  eachPair(shape, (source, at, row) => {
    for (let ci = 0; ci < cin; ci++) {
      const value = x.data[source + ci] as number;
      for (let co = 0; co < cout; co++) {
        data[at + co] = (data[at + co] as number) + value * (weight.data[row + ci * cout + co] as number);
      }
    }
  });
  return { shape: [batch, height, width, cout], data };
}

/** Float64 reference of both gradients of a convolution without bias and activation. */
export function convolutionGradients(
  x: NdArray,
  weight: NdArray,
  gradient: NdArray,
  windows: Windows,
): { readonly x: NdArray; readonly weight: NdArray } {
  const shape = geometryOf(x.shape, weight.shape, windows);
  const { cin, cout } = shape;
  const dx = { shape: x.shape, data: new Float64Array(x.data.length) };
  const dw = { shape: weight.shape, data: new Float64Array(weight.data.length) };
  eachPair(shape, (source, at, row) => {
    for (let ci = 0; ci < cin; ci++) {
      const value = x.data[source + ci] as number;
      let sum = 0;
      for (let co = 0; co < cout; co++) {
        const place = row + ci * cout + co;
        const g = gradient.data[at + co] as number;
        sum += g * (weight.data[place] as number);
        dw.data[place] = (dw.data[place] as number) + value * g;
      }
      dx.data[source + ci] = (dx.data[source + ci] as number) + sum;
    }
  });
  return { x: dx, weight: dw };
}

/** Calls back for every output pixel and tap inside x with where the pixel starts in x and in the output, and the tap in the weight. */
function eachPair(shape: Conv2dGeometry, pair: (source: number, at: number, row: number) => void): void {
  const { batch, height, width, cin, cout, kernelHeight, kernelWidth, stride, padding } = shape;
  const size = conv2dOutputSize(shape);
  for (let pixel = 0; pixel < batch * size.height * size.width; pixel++) {
    const column = pixel % size.width;
    const row = Math.floor(pixel / size.width) % size.height;
    const image = Math.floor(pixel / (size.width * size.height));
    for (let tap = 0; tap < kernelHeight * kernelWidth; tap++) {
      const y = row * stride + Math.floor(tap / kernelWidth) - padding.top;
      const x = column * stride + (tap % kernelWidth) - padding.left;
      if (y < 0 || y >= height || x < 0 || x >= width) continue;
      pair(((image * height + y) * width + x) * cin, pixel * cout, tap * cin * cout);
    }
  }
}
