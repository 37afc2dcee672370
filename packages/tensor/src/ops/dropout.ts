import {
  dropoutFamily,
  dropThreshold,
  dropout as record,
  ShapeError,
  uniformOfElement,
  uniformOfSample,
} from '@lua-webgpu/kernels';
import { elements, requireDType, type Shape, type Tensor } from '../core/index.ts';
import { apply, type NdArray, type OpDefinition, type Operands, required } from './define.ts';
import { ulpBound } from './tolerance.ts';

/** Which random numbers, all integers from 0 to 2³² − 1, and how much is dropped. */
export interface DropoutAttributes {
  /** Probability of being dropped, from 0 to 1. */
  readonly p: number;
  readonly seed: number;
  /** Number of the training step. */
  readonly step: number;
  /** Every place in a network that drops something takes a number of its own. */
  readonly stream: number;
  /** Number of x's first sample in the whole batch, so that micro-batches drop what the whole would. */
  readonly firstSample: number;
}

/** What the caller of an op has to say; `stream` and `firstSample` are 0 by default. */
export type DropoutOptions = Pick<DropoutAttributes, 'p' | 'seed' | 'step'> & Partial<DropoutAttributes>;

const usual: DropoutAttributes = { p: 0.25, seed: 1, step: 0, stream: 0, firstSample: 0 };
const other: DropoutAttributes = { p: 0.7, seed: 0xdeadbeef, step: 124_999, stream: 17, firstSample: 2_040 };

/** Elements of each sample of x [samples, ...]; rank 0 is one sample. */
const perSample = (shape: Shape): number => elements(shape.slice(1));

/** Dropout of single elements, or of whole samples. */
export function defineDropout(name: string, wholeSamples: boolean): OpDefinition<DropoutAttributes> {
  const reference = (inputs: Operands<NdArray>, attributes: DropoutAttributes): NdArray => {
    const x = required(inputs, 0);
    const { p, firstSample } = attributes;
    const size = perSample(x.shape);
    const threshold = dropThreshold(p) / 2 ** 24;
    const data = x.data.map((value, i) => {
      const sample = firstSample + Math.floor(i / size);
      const u = wholeSamples
        ? uniformOfSample(attributes, sample)
        : uniformOfElement(attributes, sample, i % size);
      return u < threshold ? 0 : value / (1 - p);
    });
    return { shape: x.shape, data };
  };
  const op: OpDefinition<DropoutAttributes> = {
    name,
    families: [dropoutFamily.name],

    infer(inputs, attributes) {
      const x = required(inputs, 0);
      requireDType(name, 'x', x.dtype, 'f32');
      checkAttributes(name, attributes);
      return { shape: x.shape, dtype: 'f32' };
    },

    forward({ device, inputs, out, attributes }) {
      const x = required(inputs, 0);
      const count = elements(x.shape);
      const shape = { ...attributes, count, perSample: perSample(x.shape), wholeSamples };
      record(device, { x: x.buffer, out: out.buffer }, shape);
    },

    reference,

    samples: [
      { inputs: [[2, 3, 4, 8]], attributes: usual },
      { inputs: [[7, 60]], attributes: other },
      { name: 'two workgroups', inputs: [[3, 1000]], attributes: usual },
      { name: 'odd samples', inputs: [[5, 7, 3]], attributes: other },
      { name: 'one sample', inputs: [[1, 131]], attributes: usual },
      { name: 'a vector', inputs: [[37]], attributes: other },
      { name: 'rank 0', inputs: [[]], attributes: { ...usual, seed: 3 } },
      { name: 'nothing is dropped', inputs: [[3, 8]], attributes: { ...usual, p: 0 } },
      { name: 'everything is dropped', inputs: [[3, 8]], attributes: { ...usual, p: 1 } },
      { name: 'empty', inputs: [[0, 4]], attributes: usual },
      { name: 'empty samples', inputs: [[3, 0]], attributes: usual },
    ],

    refusals: [
      { code: 'dtype-mismatch', inputs: [[2, 4]], dtypes: ['i32'], attributes: usual },
      { code: 'attribute-invalid', inputs: [[2, 4]], attributes: { ...usual, p: 1.5 } },
      { code: 'attribute-invalid', inputs: [[2, 4]], attributes: { ...usual, p: Number.NaN } },
      { code: 'attribute-invalid', inputs: [[2, 4]], attributes: { ...usual, seed: -1 } },
      { code: 'attribute-invalid', inputs: [[2, 4]], attributes: { ...usual, step: 0.5 } },
      { code: 'attribute-invalid', inputs: [[2, 4]], attributes: { ...usual, stream: 2 ** 32 } },
    ],

    tolerance: (_, __, expected) => ulpBound(1, expected),

    vjp: {
      saves: {},
      // What was dropped is found again from the same random numbers.
      run: ({ gradient, attributes }) => [apply(op, [gradient], attributes)],
      reference: (_, attributes, cotangent) => [reference([cotangent], attributes)],
      tolerance: (_, __, ___, [expected]) => [expected && ulpBound(1, expected)],
    },
  };
  return op;
}

function checkAttributes(name: string, { p, ...numbers }: DropoutAttributes): void {
  const wrong = Object.entries(numbers).find(([, value]) => value !== value >>> 0);
  if (p >= 0 && p <= 1 && !wrong) return;
  throw new ShapeError(
    'attribute-invalid',
    wrong ? `${name}: ${wrong[0]} is ${wrong[1]}` : `${name}: p is ${p}`,
    'Pass a probability p from 0 to 1, and integers from 0 to 2³² − 1.',
  );
}

/** Fills in the defaults. */
export const dropoutAttributes = ({ p, seed, step, stream = 0, firstSample = 0 }: DropoutOptions) => ({
  p,
  seed,
  step,
  stream,
  firstSample,
});

export const dropoutOp = defineDropout('dropout', false);

/**
 * x [samples, ...] with each element set to 0 with probability p, the others divided by 1 − p. Which ones is a pure
 * function of seed, step, stream, sample and element, so that a recomputation drops the same, and a batch in parts what
 * the whole would.
 * @throws ShapeError `dtype-mismatch`, `attribute-invalid`
 */
export function dropout(x: Tensor, options: DropoutOptions): Tensor {
  return apply(dropoutOp, [x], dropoutAttributes(options));
}
