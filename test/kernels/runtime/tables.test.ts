import type { GpuBuffer } from '@lua-webgpu/kernels';
import { expect, test } from 'vitest';
import { TableCache } from '../../../packages/kernels/src/runtime/tables.ts';

const MiB = 2 ** 20;

function open(capacity = 256, mayDrop?: () => boolean) {
  const made: string[] = [];
  const released: string[] = [];
  const broken = new Set<GpuBuffer>();
  const upload = (_data: ArrayBufferView, label: string) => {
    made.push(label);
    return { capacity, release: () => released.push(label) } as unknown as GpuBuffer;
  };
  const tables = new TableCache(upload, (table) => broken.has(table), mayDrop);
  const get = (key: number | string) => tables.get(String(key), () => new Float32Array(1));
  return { tables, get, made, released, broken };
}

test('a table is made once for each key', () => {
  const { tables, get, made } = open();
  const first = get('a');
  get('b');
  expect(get('a')).toBe(first);
  expect(made).toEqual(['table a', 'table b']);
  expect(tables.bytes).toBe(512);
});

test('small ones are kept, however many', () => {
  const { tables, get, released } = open();
  for (let i = 0; i < 1000; i++) get(i);
  expect(released).toEqual([]);
  expect(tables.bytes).toBe(256_000);
});

test('of large ones the least recently used go, but never the last 32', () => {
  const { tables, get, released } = open(MiB);
  for (let i = 0; i < 32; i++) get(i);
  expect(released).toEqual([]);
  get(0);
  get(32);
  expect(released).toEqual(['table 1']);
  expect(tables.bytes).toBe(32 * MiB);
});

test('none go while their memory may not serve something else', () => {
  let mayDrop = false;
  const { get, released } = open(MiB, () => mayDrop);
  for (let i = 0; i < 40; i++) get(i);
  expect(released).toEqual([]);
  mayDrop = true;
  get(40);
  expect(released).toHaveLength(9);
});

test('one that the device had no room for is made anew', () => {
  const { tables, get, made, released, broken } = open();
  const first = get('a');
  broken.add(first);
  expect(get('a')).not.toBe(first);
  expect([made, released]).toEqual([['table a', 'table a'], ['table a']]);
  expect(tables.bytes).toBe(256);
});

test('all of them can be given back', () => {
  const { tables, get, released } = open();
  get('a');
  get('b');
  tables.clear();
  expect(released).toEqual(['table a', 'table b']);
  expect(tables.bytes).toBe(0);
});
