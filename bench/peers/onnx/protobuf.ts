/**
 * Protocol-buffer messages, as far as ONNX files need them: varints, 32-bit floats and whatever has a length.
 * https://protobuf.dev/programming-guides/encoding
 */
export type Field = Uint8Array;

const wire = { varint: 0, bytes: 2, fixed32: 5 } as const;

/** Base 128, the lowest digits first; negative numbers as 64-bit two's complement. */
export function varint(value: number | bigint): Uint8Array {
  const digits: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 128n) {
    digits.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Uint8Array.from([...digits, Number(rest)]);
}

const tag = (field: number, type: number) => varint((field << 3) | type);

export const integer = (field: number, value: number | bigint): Field =>
  message([tag(field, wire.varint), varint(value)]);

export const float = (field: number, value: number): Field => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return message([tag(field, wire.fixed32), bytes]);
};

/** Strings and embedded messages. */
export const bytes = (field: number, value: string | Uint8Array): Field => {
  const content = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return message([tag(field, wire.bytes), varint(content.length), content]);
};

/** A message is its fields one after the other. */
export function message(fields: readonly Field[]): Uint8Array {
  const result = new Uint8Array(fields.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const field of fields) {
    result.set(field, at);
    at += field.length;
  }
  return result;
}
