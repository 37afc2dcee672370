/** The zip reader: against fflate's writer, hand-made zip64 records, and archives that lie about themselves. */
import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, crc32c } from '../../../packages/tensor/src/files/crc32.ts';
import { pthRefusal } from '../../../packages/tensor/src/files/pth-refusal.ts';
import { openZip } from '../../../packages/tensor/src/files/zip.ts';
import { concat, refusal, utf8, zipOf } from './builders.ts';

const open = (bytes: Uint8Array, reserve: (bytes: number) => void = () => {}) =>
  openZip(bytes, pthRefusal('archive'), reserve);

describe('crc32', () => {
  it('has the known check value', () => {
    expect(crc32(utf8('123456789'))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });

  it('agrees with zlib at any length and alignment', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(7), (bytes, skip) => {
        expect(crc32(bytes.subarray(skip))).toBe(zlibCrc32(bytes.subarray(skip)));
      }),
    );
  });
});

describe('crc32c', () => {
  const bytes = (at: (i: number) => number) => Uint8Array.from({ length: 32 }, (_, i) => at(i));
  it.each([
    // RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRCs.
    ['zeros', bytes(() => 0), 0x8a9136aa],
    ['ones', bytes(() => 255), 0x62a8ab43],
    ['rising', bytes((i) => i), 0x46dd794e],
    ['falling', bytes((i) => 31 - i), 0x113fdb5c],
    ['digits', utf8('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s', (_name, data, expected) => {
    expect(crc32c(data)).toBe(expected);
  });
});

describe('archives as fflate writes them', () => {
  it.each([0, 6] as const)('at level %i', (level) => {
    const entry = fc.tuple(fc.stringMatching(/^[a-z/é]{1,12}$/), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (pairs) => {
        const contents = Object.fromEntries(pairs);
        const archive = open(zipOf(contents, level));
        expect([...archive.names].sort()).toEqual(Object.keys(contents).sort());
        for (const [name, bytes] of Object.entries(contents)) expect(archive.read(name)).toEqual(bytes);
      }),
    );
  });

  it('gives views of stored entries, and asks before it inflates', () => {
    const stored = zipOf({ a: new Uint8Array(1000) });
    const asked: number[] = [];
    expect(open(stored, (n) => asked.push(n)).read('a').buffer).toBe(stored.buffer);
    expect(asked).toEqual([]);
    open(zipOf({ a: new Uint8Array(1000) }, 6), (n) => asked.push(n)).read('a');
    expect(asked).toEqual([1000]);
  });

  it('reads one with a comment', () => {
    const plain = zipOf({ a: utf8('x') });
    const commented = concat(plain, utf8('PK\x05\x06 is no end'));
    new DataView(commented.buffer).setUint16(plain.length - 2, commented.length - plain.length, true);
    expect(open(commented).read('a')).toEqual(utf8('x'));
  });
});

/** Little-endian fields: [bytes, value]. */
function fields(...parts: readonly (readonly [1 | 2 | 4 | 8, number])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [width, value] of parts) {
    if (width === 8) view.setBigUint64(at, BigInt(value), true);
    else if (width === 4) view.setUint32(at, value, true);
    else if (width === 2) view.setUint16(at, value, true);
    else view.setUint8(at, value);
    at += width;
  }
  return out;
}

/** One stored entry `a`, as a writer describes it that puts everything it can into zip64 records. */
function zip64(
  data: Uint8Array,
  change: { size?: number; directory?: number; locator?: number; extra?: Uint8Array } = {},
) {
  const name = utf8('a');
  const local = concat(
    fields([4, 0x04034b50], [2, 45], [2, 0], [2, 0], [4, 0], [4, crc32(data)]),
    fields([4, 0xffffffff], [4, 0xffffffff], [2, 1], [2, 20]),
    name,
    fields([2, 1], [2, 16], [8, data.length], [8, data.length]),
    data,
  );
  const size = change.size ?? data.length;
  const unrelated = fields([2, 0x9999], [2, 3], [1, 1], [1, 2], [1, 3]);
  const extra = change.extra ?? concat(unrelated, fields([2, 1], [2, 24], [8, size], [8, size], [8, 0]));
  const central = concat(
    fields([4, 0x02014b50], [2, 45], [2, 45], [2, 0], [2, 0], [4, 0], [4, crc32(data)]),
    fields(
      [4, 0xffffffff],
      [4, 0xffffffff],
      [2, 1],
      [2, extra.length],
      [2, 0],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, 0xffffffff],
    ),
    name,
    extra,
  );
  const end64 = concat(
    fields([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, 1], [8, 1]),
    fields([8, central.length], [8, change.directory ?? local.length]),
  );
  const locator = fields(
    [4, 0x07064b50],
    [4, 0],
    [8, change.locator ?? local.length + central.length],
    [4, 1],
  );
  const end = fields(
    [4, 0x06054b50],
    [4, 0],
    [2, 0xffff],
    [2, 0xffff],
    [4, 0xffffffff],
    [4, 0xffffffff],
    [2, 0],
  );
  return concat(local, central, end64, locator, end);
}

describe('zip64', () => {
  const data = utf8('hello zip64');

  it('sizes and offsets are read from the extra field', () => {
    expect(open(zip64(data)).read('a')).toEqual(data);
  });

  it.each([
    ['a size beyond the archive', { size: 2 ** 40 }],
    ['a size beyond 2^53', { size: 2 ** 60 }],
    ['a directory beyond the archive', { directory: 2 ** 40 }],
    ['an end record beyond the archive', { locator: 2 ** 40 }],
    ['an end record elsewhere', { locator: 3 }],
    ['no sizes', { extra: new Uint8Array(0) }],
    ['too few sizes', { extra: fields([2, 1], [2, 8], [8, 11]) }],
    ['an extra field that runs over', { extra: fields([2, 1], [2, 99], [8, 11], [8, 11], [8, 0]) }],
  ])('%s is refused', (_, change) => {
    expect(refusal(() => open(zip64(data, change)).read('a')).code).toBe('pth-zip');
  });
});

describe('archives that lie are refused', () => {
  const text = utf8('some text, some text, some text, some text');
  const packed = zipOf({ a: text }, 6);
  const stored = zipOf({ a: text });

  /** Changes a field of the only entry's central directory record. */
  function central(archive: Uint8Array, offset: number, width: 2 | 4, value: number): Uint8Array {
    const broken = archive.slice();
    const view = new DataView(broken.buffer);
    const at = view.getUint32(broken.length - 6, true) + offset;
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    return broken;
  }

  function flip(archive: Uint8Array, at: number): Uint8Array {
    const broken = archive.slice();
    broken[at] = (broken[at] ?? 0) ^ 1;
    return broken;
  }

  it.each([
    ['a flipped bit in a stored entry', flip(stored, 35), 'pth-corrupt'],
    ['a flipped bit in a deflated entry', flip(packed, 40), 'pth-corrupt'],
    ['a wrong checksum', central(stored, 16, 4, 1), 'pth-corrupt'],
    ['a deflated entry that is longer than declared', central(packed, 24, 4, text.length - 1), 'pth-corrupt'],
    [
      'a deflated entry that is shorter than declared',
      central(packed, 24, 4, text.length + 1),
      'pth-corrupt',
    ],
    ['a stored entry of two sizes', central(stored, 24, 4, text.length - 1), 'pth-corrupt'],
    ['more bytes than deflate can make', central(packed, 24, 4, 0x7fffffff), 'pth-corrupt'],
    ['a deflated entry that ends early', central(packed, 20, 4, 12), 'pth-corrupt'],
    ['a deflated entry of no bytes', central(packed, 20, 4, 0), 'pth-corrupt'],
    ['an entry that runs into the directory', central(stored, 20, 4, text.length + 1), 'pth-zip'],
    ['an entry beyond the directory', central(stored, 42, 4, 1 << 30), 'pth-zip'],
    ['an entry that begins elsewhere', central(stored, 42, 4, 1), 'pth-zip'],
    ['an encrypted entry', central(stored, 8, 2, 1), 'pth-zip'],
    ['an unknown compression', central(stored, 10, 2, 93), 'pth-zip'],
    ['a damaged directory', central(stored, 0, 4, 0), 'pth-zip'],
    ['a name that is longer than the directory', central(stored, 28, 2, 999), 'pth-zip'],
    ['a missing end', stored.slice(0, -1), 'pth-truncated'],
    ['nothing', new Uint8Array(0), 'pth-truncated'],
  ])('%s', (_, archive, code) => {
    expect(refusal(() => open(archive).read('a')).code).toBe(code);
  });

  it('a directory that is longer than the archive', () => {
    const broken = stored.slice();
    new DataView(broken.buffer).setUint32(broken.length - 10, broken.length, true);
    expect(refusal(() => open(broken)).code).toBe('pth-zip');
  });

  it('an entry twice', () => {
    const twice = zipOf({ aa: text, ab: text });
    const at = new DataView(twice.buffer).getUint32(twice.length - 6, true);
    const second = twice.indexOf('b'.charCodeAt(0), at);
    twice[second] = 'a'.charCodeAt(0);
    expect(refusal(() => open(twice)).message).toContain('twice');
  });

  it('an entry that is not there', () => {
    expect(refusal(() => open(stored).read('b')).message).toContain('"b"');
  });
});
