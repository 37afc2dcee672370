import {
  toChannelsFirst as recordFirst,
  toChannelsLast as recordLast,
  ShapeError,
  toChannelsFirstFamily,
  toChannelsLastFamily,
} from '@lua-webgpu/kernels';
import { formatShape, requireDType, requireRank, type Shape, type Tensor } from '../core/index.ts';
import { apply, type OpDefinition, required } from './define.ts';

export interface ChannelsAttributes {
  /** Channels of the result; those of x by default. */
  readonly channels: number | undefined;
}

const asTheyAre: ChannelsAttributes = { channels: undefined };

export const toChannelsLastOp: OpDefinition<ChannelsAttributes> = {
  name: 'toChannelsLast',
  families: [toChannelsLastFamily.name],

  infer(inputs, attributes) {
    const { shape, dtype } = required(inputs, 0);
    requireDType('toChannelsLast', 'x', dtype, 'f32');
    requireRank('toChannelsLast', 'x', shape, 4);
    const [batch = 0, planes = 0, height = 0, width = 0] = shape;
    const channels = attributes.channels ?? planes;
    if (!Number.isSafeInteger(channels) || channels < planes) {
      throw refuse('toChannelsLast', shape, channels, `Pass a whole number from ${planes}; crop with slice.`);
    }
    return { shape: [batch, height, width, channels], dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const [batch = 0, planes = 0, height = 0, width = 0] = x.shape;
    const channels = out.shape[3] ?? 0;
    const shape = { batch, planes, pixels: height * width, channels };
    recordLast(device, { x: x.buffer, out: out.buffer }, shape);
  },

  reference(inputs, attributes) {
    const x = required(inputs, 0);
    const [batch = 0, planes = 0, height = 0, width = 0] = x.shape;
    const channels = attributes.channels ?? planes;
    const pixels = height * width;
    const data = new Float64Array(batch * pixels * channels);
    x.data.forEach((value, index) => {
      const pixel = index % pixels;
      const plane = Math.floor(index / pixels) % planes;
      const image = Math.floor(index / pixels / planes);
      data[(image * pixels + pixel) * channels + plane] = value;
    });
    return { shape: [batch, height, width, channels], data };
  },

  samples: [
    { inputs: [[2, 16, 5, 7]], attributes: asTheyAre },
    { inputs: [[1, 4, 16, 20]], attributes: asTheyAre },
    { name: 'padded', inputs: [[2, 3, 5, 7]], attributes: { channels: 4 } },
    { name: 'padded by groups', inputs: [[2, 5, 3, 4]], attributes: { channels: 16 } },
    { name: 'odd channels', inputs: [[2, 3, 5, 7]], attributes: asTheyAre },
    { name: 'odd padding', inputs: [[2, 3, 5, 7]], attributes: { channels: 5 } },
    { name: 'one channel', inputs: [[3, 1, 4, 4]], attributes: asTheyAre },
    { name: 'nothing but padding', inputs: [[2, 0, 3, 3]], attributes: { channels: 4 } },
    { name: 'no images', inputs: [[0, 4, 3, 3]], attributes: asTheyAre },
    { name: 'no pixels', inputs: [[2, 4, 0, 3]], attributes: { channels: 8 } },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[4, 5, 7]], attributes: asTheyAre },
    { code: 'attribute-invalid', inputs: [[1, 4, 5, 7]], attributes: { channels: 3 } },
    { code: 'attribute-invalid', inputs: [[1, 4, 5, 7]], attributes: { channels: 4.5 } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run: ({ ops, specs, gradient }) => [
      ops.toChannelsFirst(gradient, { channels: required(specs, 0).shape[1] }),
    ],
    reference: (inputs, _attributes, cotangent) => [
      toChannelsFirstOp.reference([cotangent], { channels: required(inputs, 0).shape[1] }),
    ],
    tolerance: () => [0],
  },
};

export const toChannelsFirstOp: OpDefinition<ChannelsAttributes> = {
  name: 'toChannelsFirst',
  families: [toChannelsFirstFamily.name],

  infer(inputs, attributes) {
    const { shape, dtype } = required(inputs, 0);
    requireDType('toChannelsFirst', 'x', dtype, 'f32');
    requireRank('toChannelsFirst', 'x', shape, 4);
    const [batch = 0, height = 0, width = 0, channels = 0] = shape;
    const planes = attributes.channels ?? channels;
    if (!Number.isSafeInteger(planes) || planes < 0 || planes > channels) {
      throw refuse('toChannelsFirst', shape, planes, `Pass a whole number up to ${channels}.`);
    }
    return { shape: [batch, planes, height, width], dtype: 'f32' };
  },

  forward({ device, inputs, out }) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    const planes = out.shape[1] ?? 0;
    const shape = { batch, planes, pixels: height * width, channels };
    recordFirst(device, { x: x.buffer, out: out.buffer }, shape);
  },

  reference(inputs, attributes) {
    const x = required(inputs, 0);
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    const planes = attributes.channels ?? channels;
    const pixels = height * width;
    const data = new Float64Array(batch * planes * pixels);
    x.data.forEach((value, index) => {
      const plane = index % channels;
      const pixel = Math.floor(index / channels) % pixels;
      const image = Math.floor(index / channels / pixels);
      if (plane < planes) data[(image * planes + plane) * pixels + pixel] = value;
    });
    return { shape: [batch, planes, height, width], data };
  },

  samples: [
    { inputs: [[2, 5, 7, 16]], attributes: asTheyAre },
    { inputs: [[1, 16, 20, 4]], attributes: asTheyAre },
    { name: 'padding dropped', inputs: [[2, 5, 7, 4]], attributes: { channels: 3 } },
    { name: 'groups dropped', inputs: [[2, 3, 4, 16]], attributes: { channels: 5 } },
    { name: 'odd channels', inputs: [[2, 5, 7, 3]], attributes: asTheyAre },
    { name: 'odd padding dropped', inputs: [[2, 5, 7, 5]], attributes: { channels: 2 } },
    { name: 'one channel', inputs: [[3, 4, 4, 1]], attributes: asTheyAre },
    { name: 'no channels', inputs: [[3, 4, 4, 4]], attributes: { channels: 0 } },
    { name: 'no images', inputs: [[0, 3, 3, 4]], attributes: asTheyAre },
    { name: 'no pixels', inputs: [[2, 0, 3, 8]], attributes: { channels: 5 } },
  ],

  refusals: [
    { code: 'shape-rank', inputs: [[5, 7, 4]], attributes: asTheyAre },
    { code: 'attribute-invalid', inputs: [[1, 5, 7, 4]], attributes: { channels: 5 } },
    { code: 'attribute-invalid', inputs: [[1, 5, 7, 4]], attributes: { channels: -1 } },
  ],

  tolerance: () => 0,

  vjp: {
    saves: {},
    run: ({ ops, specs, gradient }) => [
      ops.toChannelsLast(gradient, { channels: required(specs, 0).shape[3] }),
    ],
    reference: (inputs, _attributes, cotangent) => [
      toChannelsLastOp.reference([cotangent], { channels: required(inputs, 0).shape[3] }),
    ],
    tolerance: () => [0],
  },
};

function refuse(op: string, shape: Shape, channels: number, fix: string): ShapeError {
  return new ShapeError('attribute-invalid', `${op}: ${channels} channels from x ${formatShape(shape)}`, fix);
}

/**
 * x [B, C, H, W] → [B, H, W, channels], the channels past C filled with zeros; `channels` is C by default.
 * @throws ShapeError `shape-rank`, `attribute-invalid` where channels < C, `dtype-mismatch`
 */
export function toChannelsLast(x: Tensor, options: { channels?: number | undefined } = {}): Tensor {
  return apply(toChannelsLastOp, [x], { channels: options.channels });
}

/**
 * x [B, H, W, C] → [B, channels, H, W], the channels from `channels` on dropped; `channels` is C by default.
 * @throws ShapeError `shape-rank`, `attribute-invalid` where channels > C, `dtype-mismatch`
 */
export function toChannelsFirst(x: Tensor, options: { channels?: number | undefined } = {}): Tensor {
  return apply(toChannelsFirstOp, [x], { channels: options.channels });
}
