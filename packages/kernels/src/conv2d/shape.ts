import { type Activation, activationCodes, encodeActivation } from '../lib/index.ts';
import type { Device, GpuBuffer, Variant } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import type { Conv2dGeometry } from './geometry.ts';

/**
 * out[B, Ho, Wo, Cout] = activation(x[B, H, W, Cin] convolved with weight[kh, kw, Cin, Cout] + bias[Cout]), that is
 * PyTorch's cross-correlation, channels-last.
 */
export interface Conv2dShape extends Conv2dGeometry {
  readonly bias: boolean;
  readonly activation: Activation;
}

export interface Conv2dBuffers {
  readonly x: GpuBuffer;
  readonly weight: GpuBuffer;
  readonly bias?: GpuBuffer | undefined;
  readonly out: GpuBuffer;
}

/** One way to convolve, which records its own dispatches. */
export interface Conv2dVariant extends Variant<Conv2dShape> {
  readonly record: (device: Device, buffers: Conv2dBuffers, shape: Conv2dShape) => void;
}

/** Why a variant that works on vec4 of channels does not take a shape. */
export function needsVectors({ cin, cout, height, width }: Conv2dShape): string | undefined {
  if (cin % 4 !== 0 || cout % 4 !== 0) return 'takes channels in multiples of 4';
  return cin * height * width > 0 ? undefined : 'takes no empty input';
}

/** Values of the constants that all variants share. */
export const conv2dConstants = { HAS_BIAS: [false, true], ACTIVATION: activationCodes };

export const conv2dConstantsOf = ({ bias, activation }: Conv2dShape) => ({
  HAS_BIAS: bias,
  ACTIVATION: encodeActivation(activation).code,
});

/** Where output pixels read x. */
export const tapsLibrary = { 'conv2d/taps.wgsl': shaders['conv2d/taps.wgsl'] };
