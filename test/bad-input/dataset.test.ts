/** Every way in which prepared data, or what is to be prepared, can be wrong, one row each. */
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LuaWebGpuError } from '@lua-webgpu/kernels';
import { encodeSafetensors, fromFloat32, parseSafetensors } from '@lua-webgpu/tensor';
import { openDataset, type PrepareOptions } from '@lua-webgpu/train';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareSmall, stubEncoder, temporaryFolder, writePictures } from '../train/data/fixtures.ts';

const folder = temporaryFolder();
const photos = join(folder, 'photos');
const good = join(folder, 'good');

beforeAll(async () => {
  await writePictures(photos, { 'a.png': [128, 64], 'b.png': [128, 64] });
  await prepareSmall({ photos: [photos], out: good, shardSize: 2, batch: 2 });
});

async function refusal(run: () => Promise<unknown>): Promise<LuaWebGpuError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof LuaWebGpuError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

let made = 0;
const newFolder = () => join(folder, `bad-${made++}`);

function copyOfGood(): string {
  const copy = newFolder();
  cpSync(good, copy, { recursive: true });
  return copy;
}

describe('opening', () => {
  const index = 'index.json';
  const first = 'shard-00000.safetensors';
  const second = 'shard-00001.safetensors';
  const edit = (path: string, change: (text: string) => string) =>
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  const editJson = (path: string, change: (json: Record<string, unknown>) => unknown) =>
    edit(path, (text) => JSON.stringify(change(JSON.parse(text) as Record<string, unknown>)));

  type Row = [what: string, break_: (copy: string) => void, code: string, message: RegExp];
  const rows: Row[] = [
    ['no index', (copy) => rmSync(join(copy, index)), 'dataset-none', /holds no prepared data/],
    ['no folder', (copy) => rmSync(copy, { recursive: true }), 'dataset-none', /no prepared data/],
    [
      'a folder for an index',
      (copy) => {
        rmSync(join(copy, index));
        mkdirSync(join(copy, index));
      },
      'file-unreadable',
      /index\.json/,
    ],
    ['an empty index', (copy) => writeFileSync(join(copy, index), ''), 'dataset-index', /not JSON/],
    ['half an index', (copy) => truncateSync(join(copy, index), 200), 'dataset-index', /not JSON/],
    [
      'a list for an index',
      (copy) => writeFileSync(join(copy, index), '[]'),
      'dataset-index',
      /expected object/,
    ],
    ['null for an index', (copy) => writeFileSync(join(copy, index), 'null'), 'dataset-index', /it: /],
    [
      'another number of samples',
      (copy) => edit(join(copy, index), (text) => text.replace('"samples": 4', '"samples": 5')),
      'dataset-index',
      /SHA-256 is not that of its content/,
    ],
    [
      'another hash of the VAE',
      (copy) => edit(join(copy, index), (text) => text.replace('aaaaaa', 'aaaaab')),
      'dataset-index',
      /SHA-256/,
    ],
    [
      'a later version',
      (copy) => editJson(join(copy, index), (json) => ({ ...json, version: 2 })),
      'dataset-version',
      /version 2, this program knows 1/,
    ],
    [
      'a key that nobody knows',
      (copy) => editJson(join(copy, index), (json) => ({ ...json, author: 'x' })),
      'dataset-index',
      /author/,
    ],
    [
      'a shard outside the folder',
      (copy) => edit(join(copy, index), (text) => text.replace(`"${first}"`, `"../good/${first}"`)),
      'dataset-index',
      /shards\[0\]\.file/,
    ],
    [
      'a missing shard',
      (copy) => rmSync(join(copy, second)),
      'dataset-shard',
      /shard-00001.*it is not there/,
    ],
    [
      'half a shard',
      (copy) => truncateSync(join(copy, second), 300),
      'dataset-shard',
      /it has 300 bytes, the index says \d+/,
    ],
    [
      'a longer shard',
      (copy) => writeFileSync(join(copy, second), 'x', { flag: 'a' }),
      'dataset-shard',
      /it has \d+ bytes/,
    ],
    [
      'a header of zeros',
      (copy) => writeFileSync(join(copy, second), new Uint8Array(readFileSync(join(copy, second)).length)),
      'safetensors-not-json',
      /shard-00001/,
    ],
    [
      'a shard of other shapes and the same size',
      (copy) => {
        const path = join(copy, second);
        const { tensors, metadata } = parseSafetensors(readFileSync(path), path);
        const hr = tensors.get('hr');
        // [2, 4, 8, 8] and [4, 2, 8, 8] make headers of one length.
        tensors.set('hr', fromFloat32(new Float32Array(2 * 4 * 64), [4, 2, 8, 8]));
        expect(hr?.shape).toEqual([2, 4, 8, 8]);
        writeFileSync(path, encodeSafetensors(tensors, metadata));
      },
      'dataset-shard',
      /it holds hr F32 \[4, 2, 8, 8\].*, not hr F32 \[2, 4, 8, 8\]/,
    ],
  ];

  it.each(rows)('%s', async (_what, break_, code, message) => {
    const copy = copyOfGood();
    break_(copy);
    const error = await refusal(() => openDataset(copy));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error.fix).not.toBe('');
  });

  it('a changed byte, where all are looked at', async () => {
    const copy = copyOfGood();
    const path = join(copy, second);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = 255 - (bytes.at(-1) ?? 0);
    writeFileSync(path, bytes);
    await (await openDataset(copy)).close();
    expect(await refusal(() => openDataset(copy, { verify: true }))).toMatchObject({
      code: 'dataset-shard',
      message: expect.stringMatching(/shard-00001\.safetensors.*its SHA-256/),
    });
  });

  it('a shard that is gone, or shorter, after the dataset was opened', async () => {
    const copy = copyOfGood();
    await using dataset = await openDataset(copy);
    await dataset.read(0, { scales: [] });
    truncateSync(join(copy, second), 300);
    expect((await refusal(() => dataset.read(3, { scales: [] }))).code).toBe('dataset-shard');
    rmSync(join(copy, second));
    expect((await refusal(() => dataset.read(3, { scales: [] }))).code).toBe('dataset-shard');
    // The other shard is as good as before, and the file may come back.
    await dataset.read(1, { scales: [2] });
    cpSync(join(good, second), join(copy, second));
    expect((await dataset.read(3, { scales: [2, 4] })).id).toBe(3);
  });

  it('metadata that do not say where samples come from', async () => {
    const copy = copyOfGood();
    const path = join(copy, first);
    const { tensors, metadata } = parseSafetensors(readFileSync(path), path);
    metadata.set('crops', (metadata.get('crops') ?? '').replace('[[0,', '[[7,'));
    writeFileSync(path, encodeSafetensors(tensors, metadata));
    await using dataset = await openDataset(copy);
    expect(await refusal(() => dataset.origin(0))).toMatchObject({
      code: 'dataset-shard',
      message: expect.stringMatching(/metadata do not say where its samples come from/),
    });
  });

  it.each([-1, 4, 0.5, Number.NaN])('the sample %d', async (id) => {
    await using dataset = await openDataset(good);
    await expect(dataset.read(id, { scales: [2] })).rejects.toThrow(RangeError);
  });

  it('scales and pixels that were not prepared', async () => {
    await using dataset = await openDataset(good);
    await expect(dataset.read(0, { scales: [3] })).rejects.toThrow(RangeError);
    await expect(dataset.read(0, { scales: [2], pixels: true })).rejects.toThrow(RangeError);
  });
});

describe('adding to a folder that was prepared otherwise', () => {
  const rows: [what: string, options: Partial<PrepareOptions>, message: RegExp][] = [
    ['crops', { crop: 32 }, /: crop was 64, now 32; stride was 64, now 32$/],
    ['stride', { stride: 32 }, /: stride was 64, now 32$/],
    ['minimum side', { minSide: 10 }, /: min_side was 64, now 10$/],
    ['scales', { scales: [2] }, /: scales was \[2,4\], now \[2\]$/],
    ['sizes of photographs', { photoScales: [0.5] }, /: photo_scales was \[1\], now \[0\.5\]$/],
    ['type', { dtype: 'F16' }, /: dtype was "F32", now "F16"$/],
    ['pixels', { pixels: true }, /: pixels was false, now true$/],
    ['profile', { encoder: stubEncoder({ profile: 'flux' }) }, /: profile of the VAE was sdxl, now flux$/],
    [
      'weights of the VAE',
      { encoder: stubEncoder({ files: { 'other.pth': 'b'.repeat(64) } }) },
      /: the VAE was stub\.safetensors \(SHA-256 aaaaaaaaaaaa…\), now other\.pth \(SHA-256 bbbbbbbbbbbb…\)$/,
    ],
  ];

  it.each(rows)('other %s are refused by name, and nothing is touched', async (_what, options, message) => {
    const copy = copyOfGood();
    const error = await refusal(() => prepareSmall({ photos: [photos], out: copy, ...options }));
    expect(error).toMatchObject({ code: 'dataset-settings', message: expect.stringMatching(message) });
    expect(readFileSync(join(copy, 'index.json'))).toEqual(readFileSync(join(good, 'index.json')));
  });

  it('the same VAE under another name is the same', async () => {
    const encoder = stubEncoder({ files: { 'renamed.safetensors': 'a'.repeat(64) } });
    expect((await prepareSmall({ photos: [photos], out: copyOfGood(), encoder })).added).toBe(0);
  });

  it('a damaged one is refused as when it is opened', async () => {
    const copy = copyOfGood();
    truncateSync(join(copy, 'shard-00001.safetensors'), 10);
    expect((await refusal(() => prepareSmall({ photos: [photos], out: copy }))).code).toBe('dataset-shard');
  });

  it('one with weights of somebody else', async () => {
    const out = newFolder();
    mkdirSync(out);
    writeFileSync(join(out, 'model.safetensors'), 'precious');
    expect(await refusal(() => prepareSmall({ photos: [photos], out }))).toMatchObject({
      code: 'dataset-foreign',
      message: expect.stringMatching(/model\.safetensors/),
    });
    expect(readFileSync(join(out, 'model.safetensors'), 'utf8')).toBe('precious');
  });
});

describe('preparing', () => {
  const rows: [what: string, options: Partial<PrepareOptions>, code: string, message: RegExp][] = [
    ['photographs that are not there', { photos: [join(folder, 'none')] }, 'file-not-found', /none/],
    [
      'two photographs of one name',
      { photos: [join(photos, 'a.png'), join(photos, 'a.png')] },
      'photos-source',
      /both be called a\.png/,
    ],
    [
      'crops of no whole latents',
      { crop: 40 },
      'prepare-options',
      /crops of 40 pixels are no multiple of 32/,
    ],
    ['no scale', { scales: [] }, 'prepare-options', /no scale/],
    ['a scale of 1', { scales: [1, 2] }, 'prepare-options', /a scale of 1, 2/],
    ['a scale twice', { scales: [2, 2] }, 'prepare-options', /twice/],
    ['scales that do not divide each other', { scales: [2, 3] }, 'prepare-options', /do not divide/],
    ['a stride of 0', { stride: 0 }, 'prepare-options', /stride of 0/],
    ['photographs resized by 0', { photoScales: [0] }, 'prepare-options', /resized by 0/],
    ['a folder below a file', { out: join(photos, 'a.png', 'out') }, 'file-unwritable', /a\.png/],
    [
      'a VAE that gives NaN',
      {
        encoder: stubEncoder({
          encode: async () =>
            new Map(
              [1, 2, 4].map((scale) => [scale, new Float32Array((4 * 4 * 64) / scale ** 2).fill(Number.NaN)]),
            ),
        }),
      },
      'non-finite',
      /a\.png at \(0, 0\)/,
    ],
  ];

  it.each(rows)('%s', async (_what, options, code, message) => {
    const error = await refusal(() => prepareSmall({ photos: [photos], out: newFolder(), ...options }));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('a folder without photographs', async () => {
    const empty = newFolder();
    mkdirSync(empty);
    expect((await refusal(() => prepareSmall({ photos: [empty], out: newFolder() }))).code).toBe(
      'photos-none',
    );
  });

  it('photographs none of which can be used: nothing is prepared, and what was wrong is told', async () => {
    const bad = newFolder();
    await writePictures(bad, { 'small.png': [63, 63] });
    writeFileSync(join(bad, 'broken.jpg'), 'no picture');
    const { index } = await prepareSmall({ photos: [bad], out: newFolder() });
    expect(index).toMatchObject({
      samples: 0,
      small: 1,
      unreadable: [{ source: expect.stringMatching(/broken/) }],
    });
  });
});
