/** PyTorch checkpoints: the fixtures that PyTorch wrote, hand-made pickles for what it did not, and damage. */
import { readFileSync } from 'node:fs';
import { FileError } from '@lua-webgpu/kernels';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FileTensor,
  type PthValue,
  parsePth,
  tensorsOfCheckpoint,
  toFloat32,
  toFloat64,
} from '../../../packages/tensor/src/files/index.ts';
import { OP } from '../../../packages/tensor/src/files/pickle-opcodes.ts';
import { type Code, checkpoint, pickleOf, py, refusal, utf8, zipOf } from './builders.ts';

const fixtures = new URL('./fixtures/', import.meta.url);
const expected = JSON.parse(readFileSync(new URL('expected.json', fixtures), 'utf8')) as Record<
  string,
  unknown
>;

function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.pth`, fixtures));
}

/** A value in the notation of expected.json. */
function describeValue(value: PthValue): unknown {
  if (value instanceof Map) return { dict: [...value].map(([key, item]) => [key, describeValue(item)]) };
  if (Array.isArray(value)) return value.map(describeValue);
  if (typeof value !== 'object' || value === null || !('dtype' in value)) return value;
  const { dtype, shape } = value;
  return {
    dtype,
    shape,
    values: [...toFloat64(value)].map((x) => (Number.isFinite(x) ? x : x > 0 ? 'inf' : '-inf')),
  };
}

function dictOf(value: PthValue | undefined): ReadonlyMap<string, PthValue> {
  if (value instanceof Map) return value;
  throw new Error('expected a dict');
}

function tensorOf(value: PthValue | undefined): FileTensor {
  if (typeof value === 'object' && value !== null && 'dtype' in value) return value;
  throw new Error('expected a tensor');
}

describe('checkpoints that PyTorch wrote', () => {
  const exact = Object.keys(expected).filter((name) => name !== 'containers');

  it('are all there', () => {
    expect(exact).toEqual(
      expect.arrayContaining(['dtypes', 'protocol4', 'views', 'params_and_ema', 'state_dict', 'training']),
    );
  });

  it.each(exact)('%s', (name) => {
    expect(describeValue(parsePth(fixture(name), name))).toEqual(expected[name]);
  });

  it('containers, with an integer that JSON cannot hold', () => {
    const found = dictOf(parsePth(fixture('containers'), 'containers'));
    expect(Object.fromEntries(found)).toEqual({
      size: [2, 3],
      list: [1, [2.5, 'é'], []],
      big: -(2n ** 70n),
      no: false,
      none: null,
    });
  });

  it('give views of the file for contiguous tensors, shared where PyTorch shared', () => {
    const bytes = Uint8Array.from(fixture('views'));
    const found = dictOf(parsePth(bytes, 'views'));
    const base = tensorOf(found.get('base')).bytes;
    const row = tensorOf(found.get('shared_row')).bytes;
    expect(base.buffer).toBe(bytes.buffer);
    expect(row.buffer).toBe(bytes.buffer);
    expect(row.byteOffset - base.byteOffset).toBe(2 * 6 * 4);
    expect(tensorOf(found.get('transposed')).bytes.buffer).not.toBe(bytes.buffer);
    expect(tensorOf(found.get('odd_strides_of_one')).bytes.buffer).toBe(bytes.buffer);
  });

  it('read at any alignment', () => {
    const file = fixture('dtypes');
    const bytes = new Uint8Array(file.length + 1);
    bytes.set(file, 1);
    expect(describeValue(parsePth(bytes.subarray(1), 'odd'))).toEqual(expected.dtypes);
  });
});

describe('tensorsOfCheckpoint', () => {
  const pick = (name: string) => tensorsOfCheckpoint(parsePth(fixture(name), name), name);

  it('prefers the moving average', () => {
    const { tensors, entry } = pick('params_and_ema');
    expect(entry).toBe('params_ema');
    const root = dictOf(parsePth(fixture('params_and_ema'), ''));
    const raw = toFloat32(tensorOf(dictOf(root.get('params')).get('conv_first.bias')));
    expect([...toFloat32(tensorOf(tensors.get('conv_first.bias')))]).toEqual([...raw].map((x) => x / 2));
  });

  it('takes params, state_dict without its module. prefix, or the root', () => {
    expect(pick('params').entry).toBe('params');
    const training = pick('training');
    expect(training.entry).toBe('state_dict');
    const root = pick('state_dict');
    expect(root.entry).toBe('root');
    expect([...training.tensors.keys()]).toEqual([...root.tensors.keys()]);
    expect(root.tensors.get('a.weight')?.shape).toEqual([3, 2]);
  });

  const x: FileTensor = { dtype: 'U8', shape: [1], bytes: new Uint8Array(1) };

  it('takes model where there is nothing better, and keeps a prefix that not all names have', () => {
    const dict = new Map([
      ['module.a', x],
      ['b', x],
    ]);
    const { tensors, entry } = tensorsOfCheckpoint(new Map([['model', dict]]), 'model');
    expect(entry).toBe('model');
    expect([...tensors.keys()]).toEqual(['module.a', 'b']);
  });

  it('takes a tensor that is called params for what it is', () => {
    expect(tensorsOfCheckpoint(new Map([['params', x]]), 'odd').entry).toBe('root');
  });

  it.each<[string, PthValue]>([
    ['a list', [x]],
    ['a tensor', x],
    [
      'a number in the root',
      new Map<string, PthValue>([
        ['a', x],
        ['epoch', 3],
      ]),
    ],
    [
      'a number in params',
      new Map([
        [
          'params',
          new Map<string, PthValue>([
            ['a', x],
            ['epoch', 3],
          ]),
        ],
      ]),
    ],
  ])('refuses %s', (_, value) => {
    const error = refusal(() => tensorsOfCheckpoint(value, 'some.pth'));
    expect(error.code).toBe('pth-checkpoint');
    expect(error.message).toContain('some.pth');
  });
});

describe('pickles that newer PyTorch writes', () => {
  const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const hooks = py.call(py.global('collections', 'OrderedDict'));
  const read = (code: Code, storages: Record<string, Uint8Array> = { 0: data }) =>
    parsePth(checkpoint(pickleOf(code), storages), 'new');

  it.each(['torch', 'torch.storage'])('a tensor on %s.UntypedStorage, with a dtype of its own', (module) => {
    const code = py.call(
      py.global('torch._utils', '_rebuild_tensor_v3'),
      py.storage('UntypedStorage', '0', 16, module),
      py.int(1),
      py.tuple(py.int(3)),
      py.tuple(py.int(1)),
      py.no,
      hooks,
      py.global('torch', 'float32'),
    );
    expect([...toFloat32(tensorOf(read(code)))]).toEqual([2, 3, 4]);
  });

  it('a byte order, and files that this reader does not need', () => {
    const pickle = pickleOf(py.tensor(py.storage('FloatStorage', '0', 4), 0, [4], [1]));
    const entries = {
      'm/data.pkl': pickle,
      'm/byteorder': utf8('little'),
      'm/data/0': data,
      'm/.format_version': utf8('1'),
    };
    expect([...toFloat32(tensorOf(parsePth(zipOf(entries), 'order')))]).toEqual([1, 2, 3, 4]);
  });

  it('protocols 2 to 5', () => {
    for (const protocol of [2, 3, 4, 5]) {
      expect(parsePth(checkpoint(pickleOf(py.int(-7), protocol)), 'protocol')).toBe(-7);
    }
  });

  it('scalars of every opcode', () => {
    const items: Code[] = [
      [OP.BININT1, 200],
      [OP.BININT2, 0x34, 0x12],
      [OP.LONG1, 0],
      [OP.LONG1, 1, 0xff],
      [OP.LONG4, 2, 0, 0, 0, 0xff, 0x7f],
      py.long(2n ** 53n - 1n),
      py.long(-(2n ** 53n)),
      [OP.BINFLOAT, 0xc0, 0x04, 0, 0, 0, 0, 0, 0],
      [OP.SHORT_BINUNICODE, 2, 0xc3, 0xa9],
      [OP.BINUNICODE8, 1, 0, 0, 0, 0, 0, 0, 0, 0x61],
      [OP.SHORT_BINBYTES, 1, 9],
      [OP.BINBYTES, 1, 0, 0, 0, 8],
      [OP.BINBYTES8, 1, 0, 0, 0, 0, 0, 0, 0, 7],
      [OP.NEWTRUE],
      [OP.EMPTY_TUPLE],
    ];
    expect(read(py.list(...items))).toEqual([
      200,
      0x1234,
      0,
      -1,
      0x7fff,
      2 ** 53 - 1,
      -(2n ** 53n),
      -2.5,
      'é',
      'a',
      Uint8Array.of(9),
      Uint8Array.of(8),
      Uint8Array.of(7),
      true,
      [],
    ]);
  });

  it('a tower of lists as deep as is allowed', () => {
    const code = [...Array<number>(101).fill(OP.EMPTY_LIST), ...Array<number>(100).fill(OP.APPEND)];
    expect(JSON.stringify(read(code))).toBe('['.repeat(101) + ']'.repeat(101));
  });

  it('keys that are integers, and values that are shared', () => {
    const code = py.list([...py.dict([py.int(0), py.str('a')]), ...py.put(9)], py.get(9), py.get(9));
    const [first, second, third] = read(code) as PthValue[];
    expect(first).toEqual(new Map([['0', 'a']]));
    expect(second).toBe(first);
    expect(third).toBe(first);
  });
});

describe('strided views', () => {
  it('agree with the definition for any shape, strides and offset', () => {
    const axis = fc.record({ size: fc.integer({ min: 0, max: 4 }), stride: fc.integer({ min: 0, max: 5 }) });
    fc.assert(
      fc.property(
        fc.array(axis, { maxLength: 4 }),
        fc.nat(3),
        fc.constantFrom('Char', 'Half', 'Float', 'Long'),
        (axes, offset, type) => {
          const width = { Char: 1, Half: 2, Float: 4, Long: 8 }[type];
          const shape = axes.map(({ size }) => size);
          const strides = axes.map(({ stride }) => stride);
          let places = [offset];
          for (const { size, stride } of axes) {
            places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * stride));
          }
          const elements = Math.max(offset, ...places) + 1;
          const storage = Uint8Array.from({ length: elements * width }, (_, i) => i * 37);
          const code = py.tensor(py.storage(`${type}Storage`, '0', elements), offset, shape, strides);
          const found = tensorOf(parsePth(checkpoint(pickleOf(code), { 0: storage }), 'views'));
          expect(found.shape).toEqual(shape);
          const bytes = places.flatMap((place) => [...storage.subarray(place * width, (place + 1) * width)]);
          expect([...found.bytes]).toEqual(bytes);
        },
      ),
    );
  });
});

describe('random damage gives a FileError or a value, never anything else', () => {
  const damage = fc.array(fc.record({ at: fc.nat(), to: fc.nat(255) }), { minLength: 1, maxLength: 4 });
  const attempt = (file: Uint8Array): boolean => {
    try {
      tensorsOfCheckpoint(parsePth(file, 'damaged'), 'damaged');
      return true;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return false;
    }
  };

  it.each(['views', 'protocol4', 'state_dict'])('to the archive of %s', (name) => {
    const file = Uint8Array.from(fixture(name));
    fc.assert(
      fc.property(damage, (changes) => {
        const broken = file.slice();
        for (const { at, to } of changes) broken[at % broken.length] = to;
        attempt(broken);
      }),
      { numRuns: 500 },
    );
  });

  it('to the pickle, behind a valid checksum', () => {
    const storages = { 0: new Uint8Array(64) };
    const one = py.tensor(py.storage('FloatStorage', '0', 16), 2, [2, 3], [1, 2]);
    const pickle = pickleOf(
      py.dict([py.str('a'), one], [py.str('b'), py.tensor(py.storage('LongStorage', '0', 8), 0, [8], [1])]),
    );
    expect(attempt(checkpoint(pickle, storages))).toBe(true);
    let survived = 0;
    fc.assert(
      fc.property(damage, (changes) => {
        const broken = pickle.slice();
        for (const { at, to } of changes) broken[at % broken.length] = to;
        if (attempt(checkpoint(broken, storages))) survived++;
      }),
      { numRuns: 3000 },
    );
    expect(survived).toBeGreaterThan(0);
  });

  it('to its length', () => {
    const file = fixture('params');
    for (let length = 0; length < file.length; length++)
      expect(attempt(file.subarray(0, length))).toBe(false);
  });
});
