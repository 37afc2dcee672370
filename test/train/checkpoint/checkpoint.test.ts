/** Checkpoints: what comes back, which one is found, and what is left when a write fails. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { FileError, NonFiniteError, openDevice } from '@lua-webgpu/kernels';
import { createLua, type Lua, loadLua, preset } from '@lua-webgpu/lua-model';
import { Adam, Ema, fromFloat32, ParameterArena } from '@lua-webgpu/tensor';
import {
  applyRetention,
  type CheckpointContent,
  findCheckpoints,
  readBest,
  readCheckpoint,
  recordBest,
  writeCheckpoint,
} from '@lua-webgpu/train';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cleanLeftovers } from '../../../packages/train/src/disk/index.ts';
import { noSmallDisk, smallDisk } from '../../support/small-disk.ts';
import { contentAt, stateAt } from './content.ts';

let folder = '';
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-checkpoint-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

const names = (where = folder) => fs.readdirSync(where).sort();
const write = (step: number) => writeCheckpoint(folder, contentAt(step));
const steps = async () => (await findCheckpoints(folder)).valid.map(({ state }) => state.step);

async function refusal(attempt: Promise<unknown>): Promise<FileError> {
  const error: unknown = await attempt.then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FileError)) throw error;
  return error;
}

describe('a checkpoint', () => {
  it('comes back to the bit', async () => {
    const content = contentAt(1000);
    const written = await writeCheckpoint(folder, content);
    expect(names()).toEqual(['step-00001000']);
    expect(names(written.path)).toEqual([
      'ema.safetensors',
      'manifest.json',
      'optimizer.safetensors',
      'state.json',
      'weights.safetensors',
    ]);
    const { ema, ...read } = await readCheckpoint(written.path);
    const { ema: _ema, ...expected } = content;
    expect(read).toEqual({
      ...expected,
      path: written.path,
      manifest: written.manifest,
      bytes: written.bytes,
    });
    // The frozen parameter's average is the parameter.
    expect(ema?.get('params_ema.a.weight')).toEqual(content.ema?.get('params_ema.a.weight'));
    expect(ema?.get('params_ema.b.weight')).toEqual(content.weights.get('b.weight'));
  });

  it('may lack an average', async () => {
    const { ema: _ema, ...content } = contentAt(1);
    const { path } = await writeCheckpoint(folder, content);
    expect(names(path)).not.toContain('ema.safetensors');
    expect((await readCheckpoint(path)).ema).toBeUndefined();
  });

  it('has weights and an average that loadLua takes, and a state that optimiser and EMA take', async () => {
    const device = await openDevice({ adapter: 'swiftshader' });
    const config = { ...preset('tiny', { in_chans: 4, scales: [2] }), depths: [1], num_heads: [1] };
    using model = createLua(device, config);
    // The first convolution is frozen.
    const trained = [...model.namedParameters()].filter(([name]) => !name.startsWith('conv_first'));
    const arena = new ParameterArena(trained);
    const optimizer = new Adam(arena, { lr: 1e-3 });
    const ema = new Ema(arena, { decay: 0.5 });
    model.initialize(device, 1);
    const [weights, average] = [await model.stateDict(), await ema.stateDict()];
    const moments = await optimizer.stateDict();
    const content = { config, weights, ema: average, optimizer: moments, state: stateAt(3) };
    const { path } = await writeCheckpoint(folder, content);

    using loaded = await loadLua(device, join(path, 'weights.safetensors'));
    expect(loaded.config).toEqual(config);
    const name = 'conv_after_body.weight';
    const frozen = 'conv_first.weight';
    const valuesOf = async (lua: Lua, of: string) =>
      new Map(lua.namedParameters()).get(of)?.tensor.readFloats();
    expect(await valuesOf(loaded, name)).toEqual(await valuesOf(model, name));
    using averaged = await loadLua(device, join(path, 'ema.safetensors'));
    expect(await valuesOf(averaged, name)).not.toEqual(await valuesOf(model, name));
    expect(await valuesOf(averaged, frozen)).toEqual(await valuesOf(model, frozen));

    const read = await readCheckpoint(path);
    expect(read.ema?.get(`params_ema.${name}`)).toEqual(average.get(`params_ema.${name}`));
    ema.loadStateDict(read.ema ?? new Map());
    optimizer.loadStateDict(read.optimizer);
    expect(read.optimizer).toEqual(moments);
    device.destroy();
  });

  it.each([
    [
      'weights',
      { weights: new Map([['conv_first.weight', fromFloat32(Float32Array.of(1, Number.NaN), [2])]]) },
    ],
    ['ema', { ema: new Map([['params_ema.a.weight', fromFloat32(Float32Array.of(Infinity), [1])]]) }],
    ['optimizer', { optimizer: new Map([['exp_avg.x', fromFloat32(Float32Array.of(-Infinity), [])]]) }],
  ])(
    'is not written with values of the %s that are not finite',
    async (file, part: Partial<CheckpointContent>) => {
      const attempt = writeCheckpoint(folder, { ...contentAt(1), ...part });
      const error: unknown = await attempt.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(NonFiniteError);
      const tensor = { weights: 'conv_first.weight', ema: 'a.weight', optimizer: 'exp_avg.x' }[file];
      expect((error as Error).message).toContain(`${tensor} of ${file}.safetensors is `);
      expect(names()).toEqual([]);
    },
  );

  it('is not written with a state that could not be read back', async () => {
    const state = { ...stateAt(1), counters: { lost: Number.NaN } };
    const error = await refusal(writeCheckpoint(folder, { ...contentAt(1), state }));
    expect(error.code).toBe('checkpoint-state');
    expect(error.message).toContain('counters.lost');
    expect(names()).toEqual([]);
  });

  it('leaves nothing when it is interrupted', async () => {
    const reason = new Error('stop');
    await expect(writeCheckpoint(folder, contentAt(1), { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    const late = new AbortController();
    const attempt = writeCheckpoint(folder, contentAt(1), { signal: late.signal });
    setImmediate(() => late.abort(reason));
    await expect(attempt).rejects.toBe(reason);
    expect(names()).toEqual([]);
  });

  it('leaves one of the same step alone', async () => {
    const { path } = await write(5);
    fs.writeFileSync(join(path, 'weights.safetensors'), 'damaged');
    const second = await write(5);
    expect(basename(second.path)).toBe('step-00000005.1');
    const { newest, broken } = await findCheckpoints(folder);
    expect(newest?.path).toBe(second.path);
    expect(broken.map((each) => each.path)).toEqual([path]);
  });
});

describe('findCheckpoints', () => {
  it('goes by the step inside, not by the name', async () => {
    await write(20);
    await write(3);
    fs.renameSync(join(folder, 'step-00000003'), join(folder, 'step-99999999'));
    fs.renameSync(join(folder, 'step-00000020'), join(folder, 'mine'));
    fs.writeFileSync(join(folder, 'note.txt'), 'not a checkpoint');
    const { newest, broken } = await findCheckpoints(folder);
    expect([newest?.path, newest?.state.step, broken]).toEqual([join(folder, 'mine'), 20, []]);
  });

  it('of two of one step takes the one written later', async () => {
    await writeCheckpoint(folder, {
      ...contentAt(4),
      state: { ...stateAt(4), written: '2024-05-02T10:00:00Z' },
    });
    await writeCheckpoint(folder, {
      ...contentAt(4),
      state: { ...stateAt(4), written: '2024-05-01T23:00:00Z' },
    });
    expect((await findCheckpoints(folder)).newest?.path).toBe(join(folder, 'step-00000004'));
  });

  it('finds none in an empty folder and in one that is not there', async () => {
    expect(await findCheckpoints(folder)).toEqual({ newest: undefined, valid: [], broken: [] });
    expect((await findCheckpoints(join(folder, 'none'))).newest).toBeUndefined();
  });

  const damages: [name: string, damage: (path: string) => void, code: string][] = [
    ['no manifest', (path) => fs.rmSync(join(path, 'manifest.json')), 'checkpoint-incomplete'],
    ['no weights', (path) => fs.rmSync(join(path, 'weights.safetensors')), 'checkpoint-incomplete'],
    ['a truncated file', (path) => fs.truncateSync(join(path, 'ema.safetensors'), 100), 'checkpoint-length'],
    ['a byte too many', (path) => fs.appendFileSync(join(path, 'state.json'), ' '), 'checkpoint-length'],
    ['a flipped bit', (path) => flip(join(path, 'optimizer.safetensors'), 77), 'checkpoint-hash'],
    [
      'an edited state',
      (path) => edit(join(path, 'state.json'), '"stage": "I"', '"stage": "J"'),
      'checkpoint-hash',
    ],
    [
      'an edited manifest',
      (path) => edit(join(path, 'manifest.json'), /"bytes": \d/, '"bytes": x'),
      'checkpoint-manifest',
    ],
    [
      'a file that leaves the folder',
      (path) => edit(join(path, 'manifest.json'), 'ema.', '../../ema.'),
      'checkpoint-manifest',
    ],
    [
      'a newer version',
      (path) => edit(join(path, 'manifest.json'), '"version": 1', '"version": 2'),
      'checkpoint-newer',
    ],
    [
      'a folder in place of a file',
      (path) => {
        fs.rmSync(join(path, 'weights.safetensors'));
        fs.mkdirSync(join(path, 'weights.safetensors'));
      },
      'file-unreadable',
    ],
    [
      'an empty folder',
      (path) => {
        for (const name of fs.readdirSync(path)) fs.rmSync(join(path, name));
      },
      'checkpoint-incomplete',
    ],
  ];
  it.each(damages)('passes by one with %s, and says so', async (_name, damage, code) => {
    const { path: older } = await write(1);
    const { path } = await write(2);
    damage(path);
    const { newest, broken } = await findCheckpoints(folder);
    expect(newest?.path).toBe(older);
    expect(broken.map((each) => [each.path, each.error.code])).toEqual([[path, code]]);
    expect(broken[0]?.error.message).toContain(path);
    const error = await refusal(readCheckpoint(path));
    expect(error.code).toBe(code);
    expect(names()).toContain('step-00000002');
  });

  it('notices any bit that flips, in any file', async () => {
    const { path } = await write(1);
    const before = await readCheckpoint(path);
    for (const name of names(path)) {
      const { size } = fs.statSync(join(path, name));
      for (let i = 0; i < 40; i++) {
        const at = Math.floor((i * size) / 40);
        flip(join(path, name), at);
        const { newest } = await findCheckpoints(folder);
        // A flip in the manifest may make white space of another kind.
        if (newest) expect([name, await readCheckpoint(path)]).toEqual(['manifest.json', before]);
        flip(join(path, name), at);
      }
    }
    expect((await findCheckpoints(folder)).newest).toBeDefined();
  });
});

function flip(path: string, at: number): void {
  const bytes = fs.readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  fs.writeFileSync(path, bytes);
}

function edit(path: string, from: string | RegExp, to: string): void {
  const text = fs.readFileSync(path, 'utf8');
  expect(text).toMatch(from);
  fs.writeFileSync(path, text.replace(from, to));
}

describe('applyRetention', () => {
  const policy = { keepLast: 2, keepEvery: 10 };

  it('keeps the last, every so many, and the best', async () => {
    for (const step of [5, 10, 15, 20, 25, 30, 35]) await write(step);
    await recordBest(folder, { metric: 'm', value: 1, step: 15, checkpoint: 'step-00000015' }, 'max');
    const { deleted, broken } = await applyRetention(folder, policy);
    expect(deleted.map((path) => basename(path))).toEqual(['step-00000025', 'step-00000005']);
    expect(broken).toEqual([]);
    expect(await steps()).toEqual([35, 30, 20, 15, 10]);
    expect(names().filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('deletes neither the newest valid one nor what is broken', async () => {
    for (const step of [1, 2, 3, 4]) await write(step);
    flip(join(folder, 'step-00000004', 'weights.safetensors'), 300);
    fs.truncateSync(join(folder, 'step-00000003', 'ema.safetensors'), 9);
    const { deleted, broken } = await applyRetention(folder, { keepLast: 1 });
    expect(deleted.map((path) => basename(path))).toEqual(['step-00000001']);
    expect(broken.map(({ path, error }) => [basename(path), error.code]).sort()).toEqual([
      ['step-00000003', 'checkpoint-length'],
      ['step-00000004', 'checkpoint-hash'],
    ]);
    expect(await steps()).toEqual([2]);
    expect(names()).toEqual(['step-00000002', 'step-00000003', 'step-00000004']);
  });

  it('keeps one even when told to keep none', async () => {
    await write(1);
    await write(2);
    await applyRetention(folder, { keepLast: 0 });
    expect(await steps()).toEqual([2]);
  });

  it('deletes nothing while it is not known which one is the best', async () => {
    for (const step of [1, 2, 3]) await write(step);
    fs.writeFileSync(join(folder, 'best.json'), '{"metric": "m"');
    expect((await refusal(applyRetention(folder, { keepLast: 1 }))).code).toBe('checkpoint-best');
    expect(await steps()).toEqual([3, 2, 1]);
  });
});

describe('the best', () => {
  const candidate = (step: number, value: number, metric = 'psnr') => {
    return { metric, value, step, checkpoint: `step-${String(step).padStart(8, '0')}` };
  };

  it('is the one of the highest or lowest value, of equal ones the later', async () => {
    expect(await readBest(folder)).toBeUndefined();
    for (const step of [1, 2, 3, 4, 5]) await write(step);
    expect(await recordBest(folder, candidate(1, 20), 'max')).toBe(true);
    expect(await recordBest(folder, candidate(2, 19.9), 'max')).toBe(false);
    expect(await recordBest(folder, candidate(3, 20), 'max')).toBe(true);
    expect(await recordBest(folder, candidate(4, Number.NaN), 'max')).toBe(false);
    expect(await readBest(folder)).toEqual(candidate(3, 20));
    expect(await recordBest(folder, candidate(4, 0.5, 'l1'), 'min')).toBe(true);
    expect(await recordBest(folder, candidate(5, 0.6, 'l1'), 'min')).toBe(false);
    expect(await readBest(folder)).toEqual(candidate(4, 0.5, 'l1'));
  });

  it('is replaced where its checkpoint is no longer whole', async () => {
    for (const step of [1, 2]) await write(step);
    await recordBest(folder, candidate(1, 30), 'max');
    expect(await recordBest(folder, candidate(2, 20), 'max')).toBe(false);
    fs.truncateSync(join(folder, 'step-00000001', 'weights.safetensors'), 5);
    expect(await recordBest(folder, candidate(2, 20), 'max')).toBe(true);
  });
});

describe('leftovers', () => {
  it('are cleared away, and nothing else is', async () => {
    await write(1);
    const unfinished = `.step-00000002.4711-${crypto.randomUUID()}.tmp`;
    fs.cpSync(join(folder, 'step-00000001'), join(folder, unfinished), { recursive: true });
    fs.writeFileSync(join(folder, `.best.json.4711-${crypto.randomUUID()}.tmp`), '{');
    fs.writeFileSync(join(folder, '.keep'), '');
    expect(await steps()).toEqual([1]);
    expect(await cleanLeftovers(folder)).toHaveLength(2);
    expect(names()).toEqual(['.keep', 'step-00000001']);
    expect(await cleanLeftovers(join(folder, 'none'))).toEqual([]);
  });
});

describe.runIf(noSmallDisk === undefined)(
  `on a small disk${noSmallDisk ? `: not here, ${noSmallDisk}` : ''}`,
  () => {
    it('a full one leaves the old checkpoint and no part of the new', async () => {
      const disk = smallDisk(2 ** 17);
      try {
        const { path } = await writeCheckpoint(disk.folder, contentAt(1, { size: 2 ** 11 }));
        const error = await refusal(writeCheckpoint(disk.folder, contentAt(2, { size: 2 ** 12 })));
        expect(error.code).toBe('file-disk-full');
        expect(error.message).toContain('ENOSPC');
        expect(error.fix).toContain('Free some space');
        expect(names(disk.folder)).toEqual(['step-00000001']);
        expect((await findCheckpoints(disk.folder)).newest?.path).toBe(path);
        // Deleting needs no space.
        fs.writeFileSync(
          join(disk.folder, 'filler'),
          new Uint8Array(fs.statfsSync(disk.folder).bavail * 4096),
        );
        await writeCheckpoint(folder, contentAt(3));
        const { deleted } = await applyRetention(disk.folder, { keepLast: 1 });
        expect(deleted).toEqual([]);
      } finally {
        disk.unmount();
      }
    });
  },
);
