/** Every way in which a PyTorch checkpoint can be wrong or hostile, one row each. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeSafetensors, parsePth } from '../../packages/tensor/src/files/index.ts';
import { OP } from '../../packages/tensor/src/files/pickle-opcodes.ts';
import {
  type Code,
  checkpoint,
  concat,
  pickleOf,
  py,
  refusal,
  utf8,
  zipOf,
} from '../tensor/files/builders.ts';

const fixture = (name: string) =>
  readFileSync(new URL(`../tensor/files/fixtures/${name}.pth`, import.meta.url));

/** Sixteen float32 in the storage `0`. */
const storages = { 0: new Uint8Array(64) };
const floats = py.storage('FloatStorage', '0', 16);
const hooks = py.call(py.global('collections', 'OrderedDict'));
const rebuild = py.global('torch._utils', '_rebuild_tensor_v2');
const file = (code: Code) => checkpoint(pickleOf(code), storages);
const raw = (...code: readonly number[]) => checkpoint(Uint8Array.from(code), storages);

/** Pairs of the same pair, `levels` deep: 2^levels values out of a few bytes each. */
const doubled = (levels: number): Code => {
  let code: Code = [OP.EMPTY_TUPLE];
  for (let i = 0; i < levels; i++) code = [...code, ...py.put(i), ...py.get(i), OP.TUPLE2];
  return code;
};

/** A pickle that repeats opcodes: each `count` times. */
function runs(...parts: readonly (readonly [count: number, opcode: number])[]): Uint8Array {
  const pieces = parts.map(([count, opcode]) => new Uint8Array(count).fill(opcode));
  return checkpoint(concat(Uint8Array.of(OP.PROTO, 2), ...pieces, Uint8Array.of(OP.STOP)));
}

const rows: readonly (readonly [what: string, file: Uint8Array, code: string, says: string])[] = [
  ['os.system', fixture('os_system'), 'global', '"posix.system"'],
  ['os.system in protocol 4', fixture('os_system_protocol4'), 'global', '"posix.system"'],
  ['eval', fixture('eval'), 'global', '"__builtin__.eval"'],
  ['a set', fixture('set'), 'opcode', 'EMPTY_SET (0x8f)'],
  ['a global that is never called', file([...py.global('os', 'getcwd')]), 'global', '"os.getcwd"'],
  [
    'a name with line breaks',
    file([...py.str('a\n\u001b[2J'), ...py.str('b'), OP.STACK_GLOBAL]),
    'global',
    '"a\\n\\u001b[2J.b"',
  ],
  [
    'a global by way of a dotted name',
    file(py.global('torch', '_utils.os.system')),
    'global',
    '_utils.os.system',
  ],
  [
    'a global of a quantised storage',
    file(py.storage('QInt8Storage', '0', 16)),
    'global',
    'torch.QInt8Storage',
  ],
  ['a class of torch that is no storage', file(py.global('torch', 'load')), 'global', 'torch.load'],
  ['an inherited name', file(py.global('constructor', 'prototype')), 'global', 'constructor.prototype'],

  ['INST', file([OP.MARK, OP.INST, ...utf8('os\nsystem\n')]), 'opcode', 'INST (0x69)'],
  ['OBJ', file([OP.MARK, ...py.global('torch', 'Size'), OP.OBJ]), 'opcode', 'OBJ (0x6f)'],
  ['NEWOBJ', file([...py.global('torch', 'Size'), OP.EMPTY_TUPLE, OP.NEWOBJ]), 'opcode', 'NEWOBJ (0x81)'],
  ['an extension', file([OP.EXT1, 1]), 'opcode', 'EXT1 (0x82)'],
  ['an opcode that does not exist', file([0xff]), 'opcode', 'unknown opcode 0xff'],
  ['BUILD on a dict', file([OP.EMPTY_DICT, OP.EMPTY_DICT, OP.BUILD]), 'opcode', 'BUILD (0x62)'],
  [
    'BUILD on a function',
    file([...py.global('torch', 'Size'), OP.EMPTY_DICT, OP.BUILD]),
    'opcode',
    'BUILD (0x62)',
  ],

  ['an empty pickle', raw(), 'pickle', 'ends too early'],
  ['protocol 1', raw(OP.PROTO, 1, OP.NONE, OP.STOP), 'pickle', 'protocol'],
  ['protocol 6', raw(OP.PROTO, 6, OP.NONE, OP.STOP), 'pickle', 'protocol'],
  ['no protocol', raw(OP.NONE, OP.STOP), 'pickle', 'protocol'],
  ['no end', raw(OP.PROTO, 2, OP.NONE), 'pickle', 'ends too early'],
  ['bytes after the end', raw(OP.PROTO, 2, OP.NONE, OP.STOP, 0), 'pickle', 'follow its end'],
  ['nothing on the stack', file([]), 'pickle', 'stack runs empty'],
  ['two values on the stack', file([OP.NONE, OP.NONE]), 'pickle', 'left on its stack'],
  ['a mark that stays', file([OP.MARK, OP.NONE]), 'pickle', 'left on its stack'],
  ['a missing mark', file([OP.TUPLE]), 'pickle', 'mark'],
  ['a pop through a mark', file([OP.NONE, OP.MARK, OP.TUPLE1]), 'pickle', 'stack runs empty'],
  ['a value that was never stored', file(py.get(3)), 'pickle', 'recalls the value 3'],
  ['a string past the end', file([OP.BINUNICODE, 255, 255, 255, 255]), 'pickle', 'ends too early'],
  ['a string of 2^63 bytes', file([OP.BINUNICODE8, 0, 0, 0, 0, 0, 0, 0, 128]), 'pickle', 'ends too early'],
  ['a frame past the end', file([OP.FRAME, 255, 0, 0, 0, 0, 0, 0, 0]), 'pickle', 'ends too early'],
  ['a string that is not UTF-8', file([OP.SHORT_BINUNICODE, 1, 0xff]), 'pickle', 'UTF-8'],
  ['a name without an end', file([OP.GLOBAL, 0x61]), 'pickle', 'name does not end'],
  ['a global that is not named by strings', file([OP.NONE, OP.NONE, OP.STACK_GLOBAL]), 'pickle', 'strings'],
  ['an item appended to a tuple', file([OP.EMPTY_TUPLE, OP.NONE, OP.APPEND]), 'pickle', 'list'],
  ['an item set in a list', file([OP.EMPTY_LIST, OP.NONE, OP.NONE, OP.SETITEM]), 'pickle', 'dict'],
  ['a key without a value', file([OP.EMPTY_DICT, OP.MARK, OP.NONE, OP.SETITEMS]), 'pickle', 'no value'],
  ['a call of a string', file(py.call(py.str('os.system'), py.str('ls'))), 'pickle', 'not a function'],
  [
    'a call without a tuple',
    file([...py.global('torch', 'Size'), OP.NONE, OP.REDUCE]),
    'pickle',
    'without arguments',
  ],

  [
    'a storage that is called',
    file(py.call(py.global('torch', 'FloatStorage'), py.int(9))),
    'global',
    'torch.FloatStorage',
  ],
  [
    'an OrderedDict with initial items',
    file(py.call(py.global('collections', 'OrderedDict'), py.list())),
    'call',
    'initial items',
  ],
  ['a Size of a number', file(py.call(py.global('torch', 'Size'), py.int(1))), 'call', 'torch.Size'],
  ['a tensor without a storage', file(py.tensor(py.int(1), 0, [1], [1])), 'call', 'storage'],
  [
    'a tensor with too few arguments',
    file(py.call(rebuild, floats, py.int(0), py.tuple(), py.tuple())),
    'call',
    'arguments',
  ],
  [
    'a tensor that is lazily conjugated',
    file(
      py.call(
        rebuild,
        floats,
        py.int(0),
        py.tuple(),
        py.tuple(),
        py.no,
        hooks,
        py.dict([py.str('conj'), [OP.NEWTRUE]]),
      ),
    ),
    'call',
    'arguments',
  ],
  [
    'sizes and strides of two lengths',
    file(py.tensor(floats, 0, [1], [1, 1])),
    'call',
    '1 sizes and 2 strides',
  ],
  [
    'sizes in a list',
    file(py.call(rebuild, floats, py.int(0), py.list(), py.tuple(), py.no, hooks)),
    'call',
    'tuple',
  ],
  [
    '65 dimensions',
    file(py.tensor(floats, 0, Array(65).fill(1), Array(65).fill(1))),
    'call',
    '65 dimensions',
  ],
  ['a negative offset', file(py.tensor(floats, -1, [1], [1])), 'call', 'offset'],
  [
    'a tensor of an unknown dtype',
    file(
      py.call(
        py.global('torch._utils', '_rebuild_tensor_v3'),
        ...[floats, py.int(0), py.tuple(), py.tuple(), py.no, hooks, py.str('float32')],
      ),
    ),
    'call',
    'dtype',
  ],
  [
    'a parameter around nothing',
    file(py.call(py.global('torch._utils', '_rebuild_parameter'), py.none, py.no, hooks)),
    'call',
    '_rebuild_parameter',
  ],

  ['a shape past the storage', file(py.tensor(floats, 0, [17], [1])), 'stride', 'reaches byte 68'],
  ['an offset past the storage', file(py.tensor(floats, 16, [], [])), 'stride', 'reaches byte 68'],
  ['strides past the storage', file(py.tensor(floats, 0, [4, 2], [1, 13])), 'stride', 'reaches byte 68'],
  [
    'a shape that overflows',
    file(py.tensor(floats, 0, Array(40).fill(2 ** 30), Array(40).fill(2 ** 30))),
    'stride',
    'reaches',
  ],
  [
    'an empty tensor with an offset past the storage',
    file(py.tensor(floats, 17, [0], [1])),
    'stride',
    'reaches byte 68',
  ],
  ['a negative stride', file(py.tensor(floats, 3, [2], [-1])), 'stride', '-1'],
  ['a negative size', file(py.tensor(floats, 0, [-2], [1])), 'stride', '-2'],
  [
    'a fractional size',
    file(
      py.call(
        rebuild,
        floats,
        py.int(0),
        py.tuple([OP.BINFLOAT, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]),
        py.tuple(py.int(1)),
        py.no,
        hooks,
      ),
    ),
    'stride',
    '0.5',
  ],
  [
    'a storage that is missing',
    file(py.tensor(py.storage('FloatStorage', '1', 16), 0, [1], [1])),
    'zip',
    'archive/data/1',
  ],
  [
    'a storage outside the folder',
    file(py.tensor(py.storage('FloatStorage', '../data.pkl', 16), 0, [1], [1])),
    'zip',
    '../data.pkl',
  ],
  [
    'a storage shorter than it says',
    file(py.tensor(py.storage('FloatStorage', '0', 17), 0, [1], [1])),
    'storage',
    'should have 68 bytes',
  ],
  [
    'a storage longer than it says',
    file(py.tensor(py.storage('FloatStorage', '0', 15), 0, [1], [1])),
    'storage',
    'should have 60 bytes',
  ],
  [
    'a persistent id that is a path',
    file([...py.str('/etc/passwd'), OP.BINPERSID]),
    'storage',
    'outside itself',
  ],
  ['a storage of negative length', file(py.storage('FloatStorage', '0', -1)), 'storage', 'not a storage'],

  ['a bare storage', file(floats), 'value', 'a bare storage'],
  ['a function as a value', file(py.list(py.global('torch', 'Size'))), 'value', 'torch.Size'],
  ['a key that is a tuple', file(py.dict([py.tuple(), py.none])), 'key', 'neither text nor an integer'],
  ['a key that is None', file(py.dict([py.none, py.none])), 'key', 'neither text nor an integer'],
  ['the keys 1 and "1"', file(py.dict([py.int(1), py.none], [py.str('1'), py.none])), 'key', 'both'],
  [
    'a list that holds itself',
    file([OP.EMPTY_LIST, ...py.put(0), ...py.get(0), OP.APPEND]),
    'cycle',
    'holds itself',
  ],
  [
    'a dict that holds itself through a tuple',
    file([OP.EMPTY_DICT, ...py.put(0), ...py.str('a'), ...py.get(0), OP.TUPLE1, OP.SETITEM]),
    'cycle',
    'holds itself',
  ],
  ['a tower of lists', runs([102, OP.EMPTY_LIST], [101, OP.APPEND]), 'too-deep', 'deeper than 100'],
  [
    'a tower of a million lists',
    runs([9e5, OP.EMPTY_LIST], [9e5 - 1, OP.APPEND]),
    'too-deep',
    'deeper than 100',
  ],
  ['two to the ninety values', file(doubled(90)), 'too-large', 'unfolds'],
  ['thirty million opcodes', runs([1, OP.NONE], [3e7, OP.MEMOIZE]), 'too-large', '2000000 opcodes'],
  ['a pickle of 40 MB', runs([4e7, OP.NONE]), 'too-large', 'the pickle has 40000003 bytes'],
  [
    'an integer of 64 kB',
    file([OP.LONG4, 0, 0, 1, 0, ...new Uint8Array(65536)]),
    'too-large',
    '65536-byte integer',
  ],
  [
    'a small storage expanded to a terabyte',
    file(py.tensor(floats, 0, [2 ** 20, 2 ** 20], [0, 0])),
    'too-large',
    'unfolds',
  ],
  [
    'many expansions that are modest',
    file(py.list(...Array<Code>(20).fill(py.tensor(floats, 0, [2 ** 20], [0])))),
    'too-large',
    'unfolds',
  ],
  [
    'a deflate bomb',
    checkpoint(
      pickleOf(py.tensor(py.storage('ByteStorage', '0', 2 ** 27), 0, [1], [1])),
      { 0: new Uint8Array(2 ** 27) },
      6,
    ),
    'too-large',
    'unfolds',
  ],

  ['an old PyTorch file', fixture('legacy'), 'legacy', 'PyTorch 1.6'],
  ['a bare pickle', fixture('bare_pickle'), 'legacy', 'pickle'],
  ['a tar archive', concat(new Uint8Array(257), utf8('ustar\x0000'), new Uint8Array(300)), 'legacy', 'tar'],
  ['a safetensors file', encodeSafetensors(new Map()), 'is-safetensors', 'a safetensors file'],
  ['HTML', utf8('<!doctype html><title>404</title>'), 'is-html', 'HTML'],
  ['an image', Uint8Array.of(0xff, 0xd8, 0xff, 0xe1), 'is-image', 'JPEG'],
  ['a Git LFS pointer', utf8('version https://git-lfs.github.com/spec/v1\n'), 'is-lfs-pointer', 'Git LFS'],
  ['an empty file', new Uint8Array(0), 'not-zip', 'not a zip'],
  ['random bytes', Uint8Array.of(1, 2, 3, 4, 5), 'not-zip', 'not a zip'],
  ['a pickle of protocol 1', Uint8Array.of(0x80, 1, 2, 3), 'not-zip', 'not a zip'],
  ['a pickle of protocol 6', Uint8Array.of(0x80, 6, 2, 3), 'not-zip', 'not a zip'],
  ['a truncated archive', fixture('params').subarray(0, 900), 'truncated', 'central directory'],
  ['another zip archive', zipOf({ 'x.npy': utf8('x') }), 'not-checkpoint', '0 entries data.pkl'],
  [
    'two checkpoints in one',
    zipOf({ 'a/data.pkl': utf8('x'), 'b/data.pkl': utf8('x') }),
    'not-checkpoint',
    '2 entries',
  ],
  [
    'a TorchScript archive',
    zipOf({ 'a/data.pkl': utf8('x'), 'a/constants.pkl': utf8('x') }),
    'torchscript',
    'TorchScript',
  ],
  [
    'a big-endian machine',
    zipOf({ 'a/data.pkl': utf8('x'), 'a/byteorder': utf8('big') }),
    'byteorder',
    '"big"',
  ],
];

describe('a .pth is refused for', () => {
  it.each(rows)('%s', (_, bytes, code, says) => {
    const error = refusal(() => parsePth(bytes, 'weights.pth'));
    expect(error.code).toBe(`pth-${code}`);
    expect(error.message).toMatch(/^weights\.pth: /);
    expect(error.message).toContain(says);
    expect(error.message.length).toBeLessThan(1000);
  });
});
