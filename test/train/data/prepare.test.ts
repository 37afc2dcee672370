import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cropImage, readImage, resizeImage } from '@lua-webgpu/lua-model';
import { type DatasetIndex, openDataset, type PrepareProgress, type SampleOrigin } from '@lua-webgpu/train';
import { beforeAll, describe, expect, it } from 'vitest';
import { selectTiles } from '../../../packages/train/src/data/tiles.ts';
import { prepareSmall, stubEncoder, stubLatent, temporaryFolder, writePictures } from './fixtures.ts';

const folder = temporaryFolder();
const photos = join(folder, 'photos');

// Crops of 64: 2×1, 3×2, 1×1, none (too small), none (below the minimum in the tests that have one).
const sizes = {
  'b.png': [150, 100],
  'a/c.png': [200, 128],
  'a/d.jpeg': [64, 64],
  'a/small.png': [63, 500],
} as const;

beforeAll(async () => {
  await writePictures(photos, sizes);
  writeFileSync(join(photos, 'notes.txt'), 'not a picture');
  mkdirSync(join(photos, '.hidden'));
  copyFileSync(join(photos, 'b.png'), join(photos, '.hidden/b.png'));
});

let made = 0;
const newOut = () => join(folder, `out-${made++}`);

async function originsOf(out: string): Promise<SampleOrigin[]> {
  await using dataset = await openDataset(out, { verify: true });
  return await Promise.all(Array.from({ length: dataset.length }, (_, id) => dataset.origin(id)));
}

const expectedOrigins: SampleOrigin[] = [
  ...[0, 64].flatMap((y) => [0, 64, 128].map((x) => ({ source: 'photos/a/c.png', photo_scale: 1, x, y }))),
  { source: 'photos/a/d.jpeg', photo_scale: 1, x: 0, y: 0 },
  ...[0, 64].map((x) => ({ source: 'photos/b.png', photo_scale: 1, x, y: 0 })),
];

describe('what is prepared', () => {
  it('every whole crop of every photograph, beside each other, in order', async () => {
    const out = newOut();
    const { index, added } = await prepareSmall({ photos: [photos], out, shardSize: 4 });
    expect(added).toBe(9);
    expect(index).toMatchObject({ samples: 9, small: 1, unreadable: [] });
    expect(index.shards.map(({ samples }) => samples)).toEqual([4, 4, 1]);
    expect(await originsOf(out)).toEqual(expectedOrigins);
  });

  it('HR and LR are encoded from pixels, each by itself', async () => {
    const out = newOut();
    await prepareSmall({ photos: [photos], out, pixels: true });
    await using dataset = await openDataset(out);
    for (const id of [0, 5, 6, 8]) {
      const { source, x, y } = await dataset.origin(id);
      const { image } = await readImage(join(folder, source));
      const crop = cropImage(image, { left: x, top: y, width: 64, height: 64 });
      const sample = await dataset.read(id, { scales: [2, 4], pixels: true });
      expect(sample.hr).toEqual({ data: stubLatent(crop, 1), shape: [4, 8, 8] });
      expect(sample.lr.get(2)).toEqual({ data: stubLatent(crop, 2), shape: [4, 4, 4] });
      expect(sample.lr.get(4)).toEqual({ data: stubLatent(crop, 4), shape: [4, 2, 2] });
      expect(sample.pixels).toEqual(Uint8Array.from(crop.data, (value) => Math.round(255 * value)));
    }
  });

  it('float16 where it is asked for', async () => {
    const [full, half] = [newOut(), newOut()];
    await prepareSmall({ photos: [photos], out: full });
    const { index } = await prepareSmall({ photos: [photos], out: half, dtype: 'F16' });
    expect(index.settings.dtype).toBe('F16');
    await using a = await openDataset(full);
    await using b = await openDataset(half);
    const [exact, rounded] = await Promise.all([a, b].map((each) => each.read(3, { scales: [] })));
    expect(rounded?.hr.shape).toEqual([4, 8, 8]);
    for (const [i, value] of (exact?.hr.data ?? []).entries()) {
      expect(Math.abs((rounded?.hr.data[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(2 ** -11 * value);
    }
  });

  it('overlapping crops with a stride, none of photographs below the minimum', async () => {
    const out = newOut();
    const { index } = await prepareSmall({ photos: [photos], out, stride: 32, minSide: 100 });
    // (150, 100): 3×2; (200, 128): 5×3.
    expect(index).toMatchObject({ samples: 21, small: 2 });
  });

  it('photographs at several sizes', async () => {
    const out = newOut();
    const photo = join(photos, 'a/c.png');
    await prepareSmall({ photos: [photo], out, photoScales: [1, 0.5] });
    const origins = await originsOf(out);
    expect(origins.slice(6)).toEqual([{ source: 'c.png', photo_scale: 0.5, x: 0, y: 0 }]);
    await using dataset = await openDataset(out);
    const { image } = await readImage(photo);
    const half = cropImage(resizeImage(image, 100, 64), { left: 0, top: 0, width: 64, height: 64 });
    expect((await dataset.read(6, { scales: [] })).hr.data).toEqual(stubLatent(half, 1));
  });

  it('crops are encoded several at a time', async () => {
    const encoder = stubEncoder();
    await prepareSmall({ photos: [photos], out: newOut(), encoder, batch: 4 });
    expect(encoder.batches).toEqual([4, 4, 1]);
  });

  it('what cannot be read is left out and listed', async () => {
    const mixed = join(folder, 'mixed');
    cpSync(photos, mixed, { recursive: true });
    writeFileSync(join(mixed, 'a/web.png'), '<!doctype html><html></html>');
    const png = readFileSync(join(photos, 'a/c.png'));
    writeFileSync(join(mixed, 'a/half.png'), png.subarray(0, png.length / 2));
    writeFileSync(join(mixed, 'empty.jpg'), '');
    const out = newOut();
    const reports: PrepareProgress[] = [];
    const { index } = await prepareSmall({ photos: [mixed], out, onProgress: (each) => reports.push(each) });
    expect(index.samples).toBe(9);
    const why = Object.fromEntries(index.unreadable.map(({ source, reason }) => [source, reason]));
    expect(Object.keys(why).sort()).toEqual(['mixed/a/half.png', 'mixed/a/web.png', 'mixed/empty.jpg']);
    expect(why['mixed/a/web.png']).toMatch(/HTML/);
    expect(why['mixed/a/half.png']).toMatch(/truncated or damaged/);
    // The crops of the half picture were counted until it turned out to be half.
    expect(reports.at(-1)).toMatchObject({ done: 9, total: 9, unreadable: 3, secondsLeft: 0 });
    expect(Math.max(...reports.map(({ total }) => total))).toBe(15);
  });

  it('progress has a rate and the time left', async () => {
    const reports: PrepareProgress[] = [];
    await prepareSmall({
      photos: [photos],
      out: newOut(),
      batch: 3,
      onProgress: (each) => reports.push(each),
    });
    expect(reports.map(({ done, total }) => [done, total])).toEqual([
      [3, 9],
      [6, 9],
      [9, 9],
    ]);
    expect(reports[1]?.perSecond).toBeGreaterThan(0);
    expect(reports[1]?.secondsLeft).toBeCloseTo(3 / (reports[1]?.perSecond ?? 0), 9);
  });
});

describe('a limit', () => {
  const take = async (out: string, limit: number) => {
    const { added } = await prepareSmall({ photos: [photos], out, limit });
    return { added, origins: await originsOf(out) };
  };

  it('takes so many, the same ones each time', async () => {
    const { origins } = await take(newOut(), 4);
    expect(origins).toHaveLength(4);
    expect((await take(newOut(), 4)).origins).toEqual(origins);
  });

  it('is spread over all photographs', () => {
    const tiles = Array.from({ length: 600 }, (_, i): SampleOrigin => {
      return { source: `photo-${Math.floor(i / 6)}.jpg`, photo_scale: 1, x: 512 * (i % 6), y: 0 };
    });
    const taken = tiles.filter(selectTiles(tiles, 100));
    expect(taken).toHaveLength(100);
    // Of 100 drawn from 100 photographs, 63 different ones are expected.
    expect(new Set(taken.map(({ source }) => source)).size).toBeGreaterThan(50);
  });

  it('that is raised later adds to what is there', async () => {
    const out = newOut();
    const { origins: before } = await take(out, 3);
    const { added, origins } = await take(out, 7);
    expect(added).toBe(4);
    expect(origins.slice(0, 3)).toEqual(before);
    expect(new Set(origins.map((each) => JSON.stringify(each))).size).toBe(7);
    expect((await take(out, 5)).added).toBe(0);
  });
});

describe('interruptions', () => {
  const contents = async (out: string) => {
    await using dataset = await openDataset(out, { verify: true });
    const ids = Array.from({ length: dataset.length }, (_, id) => id);
    return await Promise.all(
      ids.map(async (id) => [await dataset.origin(id), await dataset.read(id, { scales: [2, 4] })]),
    );
  };

  it.each([0, 1, 2, 3])('after %i batches: the rest is added, and all is as without', async (batches) => {
    const whole = newOut();
    await prepareSmall({ photos: [photos], out: whole, batch: 2 });
    const out = newOut();
    const stop = new AbortController();
    const reason = new Error('stopped');
    const encoder = stubEncoder();
    const counting = stubEncoder({
      encode: async (crops, scales) => {
        if (counting.batches.push(crops.length) > batches) stop.abort(reason);
        return await encoder.encode(crops, scales);
      },
    });
    const run = prepareSmall({
      photos: [photos],
      out,
      batch: 2,
      shardSize: 3,
      encoder: counting,
      signal: stop.signal,
    });
    await expect(run).rejects.toBe(reason);
    // Whatever was encoded before is kept.
    const kept = (await contents(out)).length;
    expect(kept).toBe(Math.min(9, 2 * (batches + 1)));
    const { added } = await prepareSmall({ photos: [photos], out, batch: 2 });
    expect(added).toBe(9 - kept);
    expect(await contents(out)).toEqual(await contents(whole));
  });

  it('where the encoder fails, what it gave before is kept', async () => {
    const out = newOut();
    const working = stubEncoder();
    const encoder = stubEncoder({
      encode: async (crops, scales) => {
        if (working.batches.length === 1) throw new Error('device lost');
        return await working.encode(crops, scales);
      },
    });
    await expect(prepareSmall({ photos: [photos], out, batch: 4, encoder })).rejects.toThrow('device lost');
    expect(await originsOf(out)).toEqual(expectedOrigins.slice(0, 4));
  });

  it('a shard that was written but not counted, and half a file, are no obstacle', async () => {
    const out = newOut();
    await prepareSmall({ photos: [join(photos, 'a')], out });
    const shards = readdirSync(out).filter((name) => name.startsWith('shard'));
    expect(shards).toEqual(['shard-00000.safetensors']);
    copyFileSync(join(out, 'shard-00000.safetensors'), join(out, 'shard-00001.safetensors'));
    const leftover = '.shard-00001.safetensors.1-00000000-0000-0000-0000-000000000000.tmp';
    writeFileSync(join(out, leftover), 'half');
    const { added } = await prepareSmall({ photos: [join(photos, 'a'), join(photos, 'b.png')], out });
    expect(added).toBe(2);
    expect(await originsOf(out)).toHaveLength(9);
    expect(readdirSync(out).sort()).toEqual([
      'index.json',
      'shard-00000.safetensors',
      'shard-00001.safetensors',
    ]);
  });

  it('a second time there is nothing to do, and nothing is decoded or encoded', async () => {
    const out = newOut();
    const { index } = await prepareSmall({ photos: [photos], out });
    const encoder = stubEncoder();
    expect(await prepareSmall({ photos: [photos], out, encoder })).toEqual({ index, added: 0 });
    expect(encoder.batches).toEqual([]);
  });

  it('two at a time are refused', async () => {
    const out = newOut();
    let other: Promise<unknown> | undefined;
    const working = stubEncoder();
    const encoder = stubEncoder({
      encode: async (crops, scales) => {
        other ??= prepareSmall({ photos: [photos], out });
        await expect(other).rejects.toMatchObject({ code: 'run-locked' });
        return await working.encode(crops, scales);
      },
    });
    await prepareSmall({ photos: [photos], out, encoder });
    expect(await originsOf(out)).toEqual(expectedOrigins);
  });
});

describe('the index', () => {
  it('says how the data were made, and changes with them', async () => {
    const [one, two] = [newOut(), newOut()];
    const { index } = await prepareSmall({ photos: [photos], out: one });
    expect(index.settings).toEqual({
      vae: { profile: 'sdxl', channels: 4, stride: 8, files: { 'stub.safetensors': 'a'.repeat(64) } },
      crop: 64,
      stride: 64,
      min_side: 64,
      scales: [2, 4],
      photo_scales: [1],
      dtype: 'F32',
      pixels: false,
    } satisfies DatasetIndex['settings']);
    expect((await prepareSmall({ photos: [photos], out: two })).index).toEqual(index);
    rmSync(two, { recursive: true });
    expect((await prepareSmall({ photos: [photos], out: two, limit: 8 })).index.sha256).not.toBe(
      index.sha256,
    );
  });
});
