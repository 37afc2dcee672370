// No public part of the package: TensorBoard's events and ONNX files are both protocol buffers.
import {
  bytesField,
  concat,
  floatField,
  textField,
  varintField,
} from '../../../packages/train/src/run/events/protobuf.ts';

/** Uint8Array numbers and codes are those of onnx.proto3. */
const elementType = { float: 1, int64: 7 } as const;
const attributeType = { float: 1, integer: 2, string: 3, integers: 7 } as const;
const irVersion = 10;
/** The first with Gelu; LayerNormalization is of 17. */
const opset = 20;

export type Attribute = number | string | readonly number[] | { readonly float: number };

function attribute(name: string, value: Attribute): Uint8Array {
  const named = (type: number, field: Uint8Array) =>
    concat([textField(1, name), field, varintField(20, type)]);
  if (typeof value === 'number') return named(attributeType.integer, varintField(3, value));
  if (typeof value === 'string') return named(attributeType.string, textField(4, value));
  if ('float' in value) return named(attributeType.float, floatField(2, value.float));
  return named(attributeType.integers, concat(value.map((each) => varintField(8, each))));
}

const littleEndian = (data: Float32Array | BigInt64Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** An ONNX graph under construction: every method adds a node and returns the name of its result. */
export class Graph {
  readonly #nodes: Uint8Array[] = [];
  readonly #constants: Uint8Array[] = [];
  readonly #inputs: Uint8Array[] = [];
  readonly #outputs: Uint8Array[] = [];
  #count = 0;

  #valueInfo(name: string, shape: readonly number[]): Uint8Array {
    const dimensions = shape.map((size) => bytesField(1, varintField(1, size)));
    const tensor = concat([varintField(1, elementType.float), bytesField(2, concat(dimensions))]);
    return concat([textField(1, name), bytesField(2, bytesField(1, tensor))]);
  }

  input(name: string, shape: readonly number[]): string {
    this.#inputs.push(bytesField(11, this.#valueInfo(name, shape)));
    return name;
  }

  output(name: string, shape: readonly number[]): void {
    this.#outputs.push(bytesField(12, this.#valueInfo(name, shape)));
  }

  /** Declares the value `y` an output, and one element of it the output `probe`. */
  outputWithProbe(shape: readonly number[]): void {
    this.output('y', shape);
    const axes = shape.map((_, axis) => axis);
    const [starts, ends] = [0, 1].map((at) => this.integers(axes.map(() => at)));
    this.node('Slice', ['y', starts as string, ends as string, this.integers(axes)], {}, 'probe');
    this.output(
      'probe',
      axes.map(() => 1),
    );
  }

  floats(values: Float32Array, shape: readonly number[]): string {
    return this.#constant(elementType.float, littleEndian(values), shape);
  }

  integers(values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.#constant(elementType.int64, littleEndian(data), [values.length]);
  }

  /** Without axes. */
  integer(value: number): string {
    return this.#constant(elementType.int64, littleEndian(BigInt64Array.of(BigInt(value))), []);
  }

  #constant(type: number, raw: Uint8Array, shape: readonly number[]): string {
    const name = `constant${this.#count++}`;
    const dimensions = shape.map((size) => varintField(1, size));
    this.#constants.push(
      bytesField(5, concat([...dimensions, varintField(2, type), textField(8, name), bytesField(9, raw)])),
    );
    return name;
  }

  node(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    result = `value${this.#count++}`,
  ): string {
    this.#nodes.push(
      bytesField(
        1,
        concat([
          ...inputs.map((each) => textField(1, each)),
          textField(2, result),
          textField(3, `${type} ${result}`),
          textField(4, type),
          ...Object.entries(attributes).map(([name, value]) => bytesField(5, attribute(name, value))),
        ]),
      ),
    );
    return result;
  }

  reshape(x: string, shape: readonly number[], result?: string): string {
    return this.node('Reshape', [x, this.integers(shape)], {}, result);
  }

  transpose(x: string, order: readonly number[], result?: string): string {
    return this.node('Transpose', [x], { perm: order }, result);
  }

  /** 3×3, padding 1. */
  conv(x: string, weight: string, bias: string, result?: string): string {
    return this.node('Conv', [x, weight, bias], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }, result);
  }

  /** The model file. */
  encode(): Uint8Array {
    const graph = concat([
      ...this.#nodes,
      textField(2, 'graph'),
      ...this.#constants,
      ...this.#inputs,
      ...this.#outputs,
    ]);
    return concat([
      varintField(1, irVersion),
      textField(2, 'lua-webgpu'),
      bytesField(7, graph),
      bytesField(8, concat([textField(1, ''), varintField(2, opset)])),
    ]);
  }
}
