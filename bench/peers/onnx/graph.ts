import { bytes, type Field, float, integer, message } from './protobuf.ts';

/** Field numbers and codes are those of onnx.proto3. */
const elementType = { float: 1, int64: 7 } as const;
const attributeType = { float: 1, integer: 2, string: 3, integers: 7 } as const;
const irVersion = 10;
/** The first with Gelu; LayerNormalization is of 17. */
const opset = 20;

export type Attribute = number | string | readonly number[] | { readonly float: number };

function attribute(name: string, value: Attribute): Field {
  const named = (type: number, field: Field) => message([bytes(1, name), field, integer(20, type)]);
  if (typeof value === 'number') return named(attributeType.integer, integer(3, value));
  if (typeof value === 'string') return named(attributeType.string, bytes(4, value));
  if ('float' in value) return named(attributeType.float, float(2, value.float));
  return named(attributeType.integers, message(value.map((each) => integer(8, each))));
}

const littleEndian = (data: Float32Array | BigInt64Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** An ONNX graph under construction: every method adds a node and returns the name of its result. */
export class Graph {
  readonly #nodes: Field[] = [];
  readonly #constants: Field[] = [];
  readonly #inputs: Field[] = [];
  readonly #outputs: Field[] = [];
  #count = 0;

  #valueInfo(name: string, shape: readonly number[]): Field {
    const dimensions = shape.map((size) => bytes(1, integer(1, size)));
    const tensor = message([integer(1, elementType.float), bytes(2, message(dimensions))]);
    return message([bytes(1, name), bytes(2, bytes(1, tensor))]);
  }

  input(name: string, shape: readonly number[]): string {
    this.#inputs.push(bytes(11, this.#valueInfo(name, shape)));
    return name;
  }

  output(name: string, shape: readonly number[]): void {
    this.#outputs.push(bytes(12, this.#valueInfo(name, shape)));
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
    const dimensions = shape.map((size) => integer(1, size));
    this.#constants.push(bytes(5, message([...dimensions, integer(2, type), bytes(8, name), bytes(9, raw)])));
    return name;
  }

  node(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    result = `value${this.#count++}`,
  ): string {
    this.#nodes.push(
      bytes(
        1,
        message([
          ...inputs.map((each) => bytes(1, each)),
          bytes(2, result),
          bytes(3, `${type} ${result}`),
          bytes(4, type),
          ...Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
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
    const graph = message([
      ...this.#nodes,
      bytes(2, 'graph'),
      ...this.#constants,
      ...this.#inputs,
      ...this.#outputs,
    ]);
    return message([
      integer(1, irVersion),
      bytes(2, 'lua-webgpu'),
      bytes(7, graph),
      bytes(8, message([bytes(1, ''), integer(2, opset)])),
    ]);
  }
}
