import { type NdArray, type OpDefinition, registry, type Shape } from '@lua-webgpu/tensor';
import fc from 'fast-check';
import { seededValues } from '../../support/compare.ts';

/** Operands of an op that is linear in groups of them, each with the others held. */
export interface Problem {
  /** Its name in the registry. */
  readonly op: string;
  /** Shapes are filled with seeded values. */
  readonly inputs: readonly (Shape | NdArray)[];
  readonly attributes: unknown;
  /** [[0], [1]] for a product of two operands, [[0, 1]] for their sum; [[0]] by default. */
  readonly groups?: readonly (readonly number[])[];
}

export function named(name: string): OpDefinition<unknown> {
  const op = registry.find((each) => each.name === name);
  if (!op) throw new Error(`the registry has no ${name}`);
  return op;
}

export const count = (shape: Shape) => shape.reduce((a, b) => a * b, 1);

/** The operands of a problem with their values. */
export const operandsOf = ({ inputs }: Problem): NdArray[] =>
  inputs.map((input, i) =>
    'data' in input ? input : { shape: input, data: seededValues(i + 1, count(input)) },
  );

const side = fc.integer({ min: 1, max: 11 });
const channels = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(4, 8, 12, 20, 36));
const batch = fc.integer({ min: 1, max: 3 });
const image = fc.tuple(batch, side, side, fc.constantFrom(1, 3, 4, 8));
/** Sizes at which transforms and filters take several steps. */
const large = fc.integer({ min: 1, max: 21 });
const picture = fc.tuple(fc.integer({ min: 1, max: 2 }), large, large, fc.constantFrom(1, 3, 4));
const spectrum = picture.map((shape) => [2, ...shape]);
const norm = fc.record({ norm: fc.constantFrom('backward', 'ortho', 'forward') });
const border = (max: number) => {
  const size = fc.integer({ min: 0, max });
  return fc.record({ top: size, bottom: size, left: size, right: size });
};
/** Up to four axes, the innermost a multiple of four as often as not. */
const shapes = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }), channels)
  .map(([outer, inner]) => [...outer, inner]);
/** A shape and one of its axes. */
const along = shapes.chain((shape) =>
  fc.tuple(fc.constant(shape), fc.integer({ min: 0, max: shape.length - 1 })),
);

const one =
  (name: string, attributes: unknown = {}) =>
  (shape: Shape): Problem => ({ op: name, inputs: [shape], attributes });
const pair = ([shape, o]: readonly [Shape, unknown], name: string) => one(name, o)(shape);

const convolutions = fc
  .record({
    batch,
    height: side,
    width: side,
    cin: channels,
    cout: channels,
    kernel: fc.constantFrom([1, 1], [3, 3], [2, 3], [5, 1]),
    stride: fc.constantFrom(1, 1, 2, 3),
    padding: border(4),
  })
  .filter(
    ({ height, width, kernel: [kh = 0, kw = 0], padding: { top, bottom, left, right } }) =>
      height + top + bottom >= kh && width + left + right >= kw,
  )
  .map(
    ({ batch, height, width, cin, cout, kernel, stride, padding }): Problem => ({
      op: 'conv2d',
      inputs: [
        [batch, height, width, cin],
        [...kernel, cin, cout],
      ],
      attributes: { stride, padding, activation: { kind: 'none' } },
      groups: [[0], [1]],
    }),
  );

const products = fc.tuple(fc.array(side, { maxLength: 2 }), channels, channels).map(
  ([rows, k, n]): Problem => ({
    op: 'matmul',
    inputs: [
      [...rows, k],
      [k, n],
    ],
    attributes: { activation: { kind: 'none' } },
    groups: [[0], [1]],
  }),
);

const crops = fc
  .tuple(image, border(3))
  .filter(
    ([[, height, width], { top, bottom, left, right }]) => top + bottom <= height && left + right <= width,
  )
  .map(([shape, { top, bottom, left, right }]): Problem => {
    const window = { top, left, height: shape[1] - top - bottom, width: shape[2] - left - right };
    return one('crop2d', window)(shape);
  });

const shuffles = (name: 'pixelShuffle' | 'pixelUnshuffle') =>
  fc
    .tuple(image, fc.integer({ min: 1, max: 4 }), fc.constantFrom('torch', 'block'))
    .map(([[b, h, w, c], factor, order]) =>
      one(name, { factor, order })(
        name === 'pixelShuffle' ? [b, h, w, c * factor ** 2] : [b, h * factor, w * factor, c],
      ),
    );

const permutations = shapes.chain((shape) =>
  fc
    .shuffledSubarray([...shape.keys()], { minLength: shape.length })
    .map((axes) => one('permute', { axes })(shape)),
);

const concatenations = fc.tuple(along, fc.array(side, { minLength: 1, maxLength: 3 })).map(
  ([[shape, axis], sizes]): Problem => ({
    op: 'concat',
    inputs: sizes.map((size) => shape.with(axis, size)),
    attributes: { axis },
    groups: [[...sizes.keys()]],
  }),
);

/** A box inside a shape. */
const boxes = shapes.chain((shape) =>
  fc.tuple(...shape.map((size) => fc.tuple(fc.nat(size - 1), fc.nat(size - 1)))).map((ends) => ({
    shape,
    starts: ends.map(([a, b]) => Math.min(a, b)),
    sizes: ends.map(([a, b]) => Math.abs(a - b) + 1),
  })),
);

/** A larger shape and one that broadcasts to it. */
const broadcasts = shapes.chain((shape) =>
  fc
    .tuple(fc.nat(shape.length), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
    .map(([dropped, ones]) => ({
      shape,
      small: shape.map((size, axis) => (ones[axis] ? 1 : size)).slice(dropped),
    })),
);

/** A function of two operands that is linear in groups of them; the second may be repeated. */
const binary = (name: string, groups: readonly (readonly number[])[]) =>
  broadcasts.map(
    ({ shape, small }): Problem => ({
      op: name,
      inputs: [shape, { shape: small, data: seededValues(2, count(small)).map((x) => Math.fround(x + 2)) }],
      attributes: {},
      groups,
    }),
  );

const reductions = (name: string) =>
  shapes
    .chain((shape) => fc.tuple(fc.constant(shape), fc.subarray([...shape.keys()]), fc.boolean()))
    .map(([shape, axes, keepDims]) => one(name, { axes, keepDims })(shape));

const gathers = fc
  .tuple(along, fc.integer({ min: 1, max: 9 }), fc.boolean())
  .map(([[shape, axis], rows, list]): Problem => {
    const sizes = list ? [rows] : shape.with(axis, rows);
    const size = shape[axis] ?? 1;
    const data = seededValues(5, count(sizes)).map((value) => Math.floor(((value + 1) / 2) * size));
    return { op: 'gather', inputs: [shape, { shape: sizes, data }], attributes: { axis } };
  });

const samplings = fc
  .tuple(image, side, side, fc.constantFrom('nearest', 'bilinear', 'bicubic'))
  .map(([shape, height, width, mode]): Problem => {
    const grid = [shape[0], height, width, 2];
    const data = seededValues(6, count(grid)).map((value) => Math.fround(1.2 * value));
    return { op: 'gridSample', inputs: [shape, { shape: grid, data }], attributes: { mode } };
  });

const droppings = (name: string) =>
  fc
    .tuple(shapes, fc.constantFrom(0, 0.25, 0.7), fc.nat(99))
    .map(([shape, p, seed]) => one(name, { p, seed, step: 3, stream: 2, firstSample: 1 })(shape));

const resizing = fc.record({
  height: large,
  width: large,
  mode: fc.constantFrom('bilinear', 'bicubic'),
  antialias: fc.boolean(),
  transposed: fc.constant(false),
});
const blur = fc.record({
  kernelSize: fc.constantFrom(1, 3, 5, 11),
  sigma: fc.double({ min: 0.3, max: 3, noNaN: true }),
  transposed: fc.constant(false),
});

/** Problems of every linear op, by its name. */
export const linearProblems: Readonly<Record<string, fc.Arbitrary<Problem>>> = {
  matmul: products,
  conv2d: convolutions,
  crop2d: crops,
  pad2d: fc
    .tuple(image, border(13), fc.constantFrom('zeros', 'reflect', 'replicate'))
    .map(([shape, sizes, mode]) => one('pad2d', { ...sizes, mode })(shape)),
  pixelShuffle: shuffles('pixelShuffle'),
  pixelUnshuffle: shuffles('pixelUnshuffle'),
  neg: shapes.map(one('neg', { a: 0, b: 0 })),
  affine: shapes.map(one('affine', { a: Math.fround(-1.7), b: 0 })),
  add: binary('add', [[0, 1]]),
  sub: binary('sub', [[0, 1]]),
  mul: binary('mul', [[0], [1]]),
  div: binary('div', [[0]]),
  sum: reductions('sum'),
  mean: reductions('mean'),
  permute: permutations,
  concat: concatenations,
  slice: boxes.map(({ shape, starts, sizes }) => one('slice', { starts, sizes })(shape)),
  embed: boxes.map(({ shape, starts, sizes }) => one('embed', { shape, starts })(sizes)),
  expand: broadcasts.map(({ shape, small }) => one('expand', { shape })(small)),
  gather: gathers,
  toChannelsLast: image.map(one('toChannelsLast', { channels: undefined })),
  toChannelsFirst: image.map(one('toChannelsFirst', { channels: undefined })),
  upsampleNearest2d: fc
    .tuple(image, fc.integer({ min: 1, max: 4 }))
    .map(([shape, factor]) => one('upsampleNearest2d', { factor })(shape)),
  resize2d: fc.tuple(picture, resizing).map((each) => pair(each, 'resize2d')),
  gaussianBlur: fc.tuple(picture, blur).map((each) => pair(each, 'gaussianBlur')),
  scharr: picture.map(one('scharr', { transposed: false })),
  gridSample: samplings,
  fft2: fc.tuple(fc.oneof(picture, spectrum), norm).map((each) => pair(each, 'fft2')),
  ifft2: fc.tuple(spectrum, norm).map((each) => pair(each, 'ifft2')),
  dropout: droppings('dropout'),
  stochasticDepth: droppings('stochasticDepth'),
};
