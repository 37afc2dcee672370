import { expect, it } from 'vitest';
import {
  bytesField,
  concat,
  floatField,
  textField,
  varintField,
} from '../../../packages/train/src/run/events/protobuf.ts';
import { Graph } from './graph.ts';

const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

it('writes integers as the specification has varints', () => {
  expect(hex(varintField(1, 1))).toBe('0801');
  expect(hex(varintField(1, 150))).toBe('089601');
  expect(hex(varintField(1, -1))).toBe('08ffffffffffffffffff01');
  expect(hex(varintField(1, 2n ** 63n - 1n))).toBe('08ffffffffffffffff7f');
});

it('writes fields with their number and wire type', () => {
  expect(hex(varintField(1, 150))).toBe('089601');
  expect(hex(textField(2, 'testing'))).toBe('120774657374696e67');
  expect(hex(bytesField(3, varintField(1, 150)))).toBe('1a03089601');
  expect(hex(varintField(20, 2))).toBe('a00102');
  expect(hex(floatField(2, 1.5))).toBe('150000c03f');
  expect(hex(concat([varintField(1, 1), varintField(1, 2)]))).toBe('08010802');
});

it('writes a graph of one node', () => {
  const graph = new Graph();
  graph.input('a', [2]);
  graph.node('Add', ['a', graph.floats(Float32Array.of(1), [1])], {}, 'y');
  graph.output('y', [2]);
  const node = concat([
    ...['a', 'constant0'].map((name) => textField(1, name)),
    textField(2, 'y'),
    textField(3, 'Add y'),
    textField(4, 'Add'),
  ]);
  const constant = concat([
    varintField(1, 1),
    varintField(2, 1),
    textField(8, 'constant0'),
    bytesField(9, Uint8Array.of(0, 0, 0x80, 0x3f)),
  ]);
  const info = (name: string) =>
    concat([
      textField(1, name),
      bytesField(
        2,
        bytesField(1, concat([varintField(1, 1), bytesField(2, bytesField(1, varintField(1, 2)))])),
      ),
    ]);
  const body = [
    bytesField(1, node),
    textField(2, 'graph'),
    bytesField(5, constant),
    bytesField(11, info('a')),
    bytesField(12, info('y')),
  ];
  expect(hex(graph.encode())).toBe(
    hex(
      concat([
        varintField(1, 10),
        textField(2, 'lua-webgpu'),
        bytesField(7, concat(body)),
        bytesField(8, concat([textField(1, ''), varintField(2, 20)])),
      ]),
    ),
  );
});
