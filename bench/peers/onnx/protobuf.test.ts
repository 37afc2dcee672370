import { expect, it } from 'vitest';
import { Graph } from './graph.ts';
import { bytes, float, integer, message, varint } from './protobuf.ts';

const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

it('writes varints as the specification has them', () => {
  expect(hex(varint(1))).toBe('01');
  expect(hex(varint(150))).toBe('9601');
  expect(hex(varint(-1))).toBe('ffffffffffffffffff01');
  expect(hex(varint(2n ** 63n - 1n))).toBe('ffffffffffffffff7f');
});

it('writes fields with their number and wire type', () => {
  expect(hex(integer(1, 150))).toBe('089601');
  expect(hex(bytes(2, 'testing'))).toBe('120774657374696e67');
  expect(hex(bytes(3, integer(1, 150)))).toBe('1a03089601');
  expect(hex(integer(20, 2))).toBe('a00102');
  expect(hex(float(2, 1.5))).toBe('150000c03f');
  expect(hex(message([integer(1, 1), integer(1, 2)]))).toBe('08010802');
});

it('writes a graph of one node', () => {
  const graph = new Graph();
  graph.input('a', [2]);
  graph.node('Add', ['a', graph.floats(Float32Array.of(1), [1])], {}, 'y');
  graph.output('y', [2]);
  const node = message([
    ...['a', 'constant0'].map((name) => bytes(1, name)),
    bytes(2, 'y'),
    bytes(3, 'Add y'),
    bytes(4, 'Add'),
  ]);
  const constant = message([
    integer(1, 1),
    integer(2, 1),
    bytes(8, 'constant0'),
    bytes(9, Uint8Array.of(0, 0, 0x80, 0x3f)),
  ]);
  const info = (name: string) =>
    message([
      bytes(1, name),
      bytes(2, bytes(1, message([integer(1, 1), bytes(2, bytes(1, integer(1, 2)))]))),
    ]);
  const body = [
    bytes(1, node),
    bytes(2, 'graph'),
    bytes(5, constant),
    bytes(11, info('a')),
    bytes(12, info('y')),
  ];
  expect(hex(graph.encode())).toBe(
    hex(
      message([
        integer(1, 10),
        bytes(2, 'lua-webgpu'),
        bytes(7, message(body)),
        bytes(8, message([bytes(1, ''), integer(2, 20)])),
      ]),
    ),
  );
});
