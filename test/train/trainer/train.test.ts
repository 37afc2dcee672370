import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Device, openDevice } from '@lua-webgpu/kernels';
import { Lua } from '@lua-webgpu/lua-model';
import { type TrainOptions, train } from '@lua-webgpu/train';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { prepareSmall, stubEncoder, temporaryFolder, writePictures } from '../data/fixtures.ts';
import { contentOf, linesOf, stepsOf } from './content.ts';
import { openToyDevice, toyConfig, toyData } from './toy.ts';

const folder = temporaryFolder();
const run = (name: string) => join(folder, name);
const code = (expected: string) => expect.objectContaining({ code: expected });

const start = (out: string, options: Partial<TrainOptions> & { set?: readonly string[] } = {}) => {
  const { set, ...rest } = options;
  return train(toyConfig(toyData(folder), set), { out: run(out), open: openToyDevice, ...rest });
};

let whole: Awaited<ReturnType<typeof train>>;
beforeAll(async () => {
  await writePictures(join(folder, 'photos'), { 'a.png': [192, 128], 'b.png': [128, 64] });
  await prepareSmall({ photos: [join(folder, 'photos')], out: toyData(folder) });
  whole = await start('whole');
});

describe('a run', () => {
  it('ends with a checkpoint, a line for every step and a report', () => {
    expect(whole).toMatchObject({ reason: 'done', step: 10, skipped: 0 });
    const lines = linesOf(run('whole'));
    expect(lines[0]).toMatchObject({ type: 'start', name: 'toy', steps: 10 });
    expect(lines.at(-1)).toMatchObject({ type: 'end', reason: 'done', step: 10 });
    expect(stepsOf(run('whole')).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(lines.filter(({ type }) => type === 'stage')).toHaveLength(2);
    const joint = lines.flatMap((line) => (line.type === 'step' ? [line.scales?.length] : []));
    expect(joint.slice(0, 4)).toEqual([2, 2, 2, 2]);
    expect(joint.slice(4, 6)).toEqual([1, 1]);
    expect(readFileSync(join(run('whole'), 'report.html'), 'utf8')).toContain('toy');
  });

  it('says how long the rest takes, at the pace of the stage that it is in', async () => {
    const left: number[] = [];
    await start('paced', { onProgress: ({ secondsLeft }) => left.push(secondsLeft) });
    const seconds = linesOf(run('paced')).flatMap((line) =>
      line.type === 'step' ? [line.ms.wall / 1000] : [],
    );
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    // Stage I has six steps of four samples, stage II four of two.
    expect(left[5]).toBeCloseTo((4 * 2 * sum(seconds.slice(0, 6))) / (6 * 4), 3);
    expect(left[7]).toBeCloseTo(sum(seconds.slice(6, 8)), 3);
    expect(left[9]).toBe(0);
  });

  it('learns', () => {
    const losses = stepsOf(run('whole')).map(({ loss }) => loss);
    expect(losses[3]).toBeLessThan(losses[0] as number);
  });

  it.each([1, 3, 6, 7])(
    'stopped before step %i and resumed has the bits of one in a piece',
    async (steps) => {
      const out = `stopped-${steps}`;
      const first = await start(out, { maxSteps: steps });
      expect(first).toMatchObject({ reason: 'max-steps', step: steps });
      const second = await start(out, { resume: true });
      expect(contentOf(second.checkpoint)).toEqual(contentOf(whole.checkpoint));
      expect(stepsOf(run(out))).toEqual(stepsOf(run('whole')));
      expect(linesOf(run(out)).find(({ type }) => type === 'resume')).toMatchObject({ differences: [] });
    },
  );

  it('creates no buffer and no bind group in a step that it replays', async () => {
    const made: [buffers: number, groups: number][] = [];
    let device: Device | undefined;
    let groups = 0;
    const forward = vi.spyOn(Lua.prototype, 'forward');
    await start('replayed', {
      open: async () => {
        device = await openToyDevice();
        const create = device.gpu.createBindGroup.bind(device.gpu);
        device.gpu.createBindGroup = (descriptor) => {
          groups += 1;
          return create(descriptor);
        };
        return device;
      },
      maxSteps: 4,
      set: ['checkpoint.every=100', 'log.every=1'],
      onProgress: () => made.push([(device as Device).memory().created, groups]),
    });
    // Two micro-batches and two scales, once: the steps behind it run no op.
    expect(forward).toHaveBeenCalledTimes(4);
    forward.mockRestore();
    expect(made).toHaveLength(4);
    expect(made[0]?.[1]).toBeGreaterThan(100);
    expect(made[3]).toEqual(made[1]);
  });

  it('that keeps the maps of blocks has the bits of one that recomputes them, and takes more memory', async () => {
    const stored = await start('stored', { set: ['stages.0.recompute=false', 'stages.1.recompute=false'] });
    expect(contentOf(stored.checkpoint)).toEqual(contentOf(whole.checkpoint));
    const peakOf = (name: string) =>
      Math.max(...linesOf(run(name)).flatMap((line) => (line.type === 'step' ? [line.memory.peak] : [])));
    expect(peakOf('stored')).toBeGreaterThan(peakOf('whole'));
  });

  it('that is interrupted finishes its step, saves, and goes on as if nothing had been', async () => {
    const interruption = new AbortController();
    const first = await start('interrupted', {
      signal: interruption.signal,
      onProgress: ({ step }) => {
        if (step === 3) interruption.abort();
      },
    });
    expect(first).toMatchObject({ reason: 'interrupted', step: 3 });
    const second = await start('interrupted', { resume: true });
    expect(contentOf(second.checkpoint)).toEqual(contentOf(whole.checkpoint));
  });

  it('survives a lost device with the bits of one in a piece', async () => {
    const devices: Device[] = [];
    const notices: string[] = [];
    const open = async () => {
      const device = await openToyDevice();
      devices.push(device);
      return device;
    };
    const lost = await start('lost', {
      open,
      onNotice: (line) => notices.push(line),
      onProgress: ({ stage, step }) => {
        if (devices.length === 1 && stage === 'I' && step === 3) devices[0]?.gpu.destroy();
      },
    });
    expect(devices).toHaveLength(2);
    expect(notices.join('\n')).toMatch(/device was lost .* from step 2/);
    expect(contentOf(lost.checkpoint)).toEqual(contentOf(whole.checkpoint));
    expect(stepsOf(run('lost'))).toEqual(stepsOf(run('whole')));
  });

  it('says on a resume what is not as it was', async () => {
    await start('changed', { maxSteps: 2 });
    const notices: string[] = [];
    await start('changed', {
      resume: true,
      set: ['stages.1.lr=0.02'],
      onNotice: (line) => notices.push(line),
    });
    expect(notices.join('\n')).toContain('the configuration was changed');
    expect(linesOf(run('changed')).find(({ type }) => type === 'resume')).toMatchObject({
      differences: ['the configuration was changed'],
    });
  });

  it('records tuned kernels, and says on a resume that they are others', async () => {
    await start('tuned', { maxSteps: 2 });
    const tuned = { 'matmul {"rows":1}': 'tiled' };
    const adapter = process.env.LUA_WEBGPU_ADAPTER ?? 'swiftshader';
    const { checkpoint } = await start('tuned', { resume: true, open: () => openDevice({ adapter, tuned }) });
    const { differences } = linesOf(run('tuned')).find(({ type }) => type === 'resume') as never;
    expect(differences).toEqual([
      expect.stringMatching(/^the choice of kernels was chosen by shape, now it is 1 tuned \([0-9a-f]{8}\)$/),
    ]);
    const state = JSON.parse(readFileSync(join(checkpoint ?? '', 'state.json'), 'utf8'));
    expect(state.kernels).toEqual(tuned);
  });
});

describe('a step that is not finite', () => {
  /** Every value is finite, as data have to be; the loss of samples like these is not. */
  const huge = stubEncoder({
    encode: async (crops, scales) =>
      new Map(
        [1, ...scales].map((scale) => {
          const side = 8 / scale;
          return [scale, new Float32Array(crops.length * 4 * side * side).fill(3e38)];
        }),
      ),
  });

  beforeAll(async () => {
    await prepareSmall({ photos: [join(folder, 'photos')], out: join(folder, 'huge'), encoder: huge });
  });

  it('is left out, with its samples named, and ends the run when it happens again and again', async () => {
    const config = toyConfig(join(folder, 'huge'), [
      'stability.max_skipped_in_a_row=3',
      'checkpoint.every=1',
    ]);
    const out = run('diverged');
    await expect(train(config, { out, open: openToyDevice })).rejects.toEqual(code('train-diverged'));
    const lines = linesOf(out);
    const skipped = lines.flatMap((line) => (line.type === 'skipped' ? [line] : []));
    expect(skipped).toHaveLength(3);
    for (const { ids, reason } of skipped) {
      expect(ids).toHaveLength(4);
      expect(reason).toMatch(/not|is (Infinity|NaN)/);
    }
    expect(lines.at(-1)).toMatchObject({ type: 'end', reason: 'diverged' });
  });

  it('changes neither weights nor moments nor the average', async () => {
    const config = toyConfig(join(folder, 'huge'), ['checkpoint.every=1']);
    const one = await train(config, { out: run('skip-1'), open: openToyDevice, maxSteps: 1 });
    const two = await train(config, { out: run('skip-2'), open: openToyDevice, maxSteps: 2 });
    expect(one.skipped).toBe(1);
    expect(two.skipped).toBe(2);
    expect(contentOf(two.checkpoint)).toEqual(contentOf(one.checkpoint));
  });
});

it('has a device of float32 whatever the environment says of products', async () => {
  vi.stubEnv('LUA_WEBGPU_ADAPTER', process.env.LUA_WEBGPU_ADAPTER ?? 'swiftshader');
  // Refused by openDevice where it is heeded.
  vi.stubEnv('LUA_WEBGPU_MATMUL_PRECISION', 'bf16');
  try {
    const { step } = await train(toyConfig(toyData(folder)), { out: run('exact'), maxSteps: 1 });
    expect(step).toBe(1);
  } finally {
    vi.unstubAllEnvs();
  }
});

describe('data that do not fit', () => {
  it.each([
    ['channels', ['model.in_chans=16', 'model.heads.0.out_chans=16', 'model.heads.1.out_chans=16']],
    ['the crop', ['stages.0.crop=16']],
  ])('are refused before a step: %s', async (name, set) => {
    const out = `refused-${name.replace(' ', '-')}`;
    await expect(start(out, { set })).rejects.toEqual(code('train-data'));
  });
});
