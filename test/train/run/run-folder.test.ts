/** The folder of a run: what stands in it, what a resume takes out, and that a full disk does not end training. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileError } from '@lua-webgpu/kernels';
import { fromFloat32 } from '@lua-webgpu/tensor';
import { type CheckpointContent, type MetricLine, RunFolder, readBest } from '@lua-webgpu/train';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noSmallDisk, smallDisk } from '../../support/small-disk.ts';
import { contentAt } from '../checkpoint/content.ts';
import { stepLine } from './lines.ts';
import { png } from './png.ts';

let parent = '';
let path = '';
let notices: string[] = [];
let alarms: FileError[] = [];
beforeEach(() => {
  parent = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-run-'));
  path = join(parent, 'run');
  [notices, alarms] = [[], []];
});
afterEach(() => fs.rmSync(parent, { recursive: true }));

const voices = {
  onNotice: (line: string) => void notices.push(line),
  onAlarm: (error: FileError) => void alarms.push(error),
};
const open = (resume = false) => RunFolder.open(path, { resume, ...voices });
const metrics = () =>
  fs
    .readFileSync(join(path, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as MetricLine & { time: number });
const names = (folder = path) => fs.readdirSync(folder).sort();
const retention = { keepLast: 2 };
const picture = png(4, 2, () => [9, 9, 9]);

/** A run that was saved at step 2 and went on to step 4 before it was killed. */
async function killedRun(): Promise<void> {
  const run = await open();
  await run.start({ config: 'name: a\n' });
  for (const step of [1, 2]) await run.append(stepLine(step));
  await run.saveCheckpoint(contentAt(2), { retention });
  for (const step of [3, 4]) await run.append(stepLine(step));
  await run.close();
}

describe('a run', () => {
  it('writes configuration, metrics, events, samples and checkpoints', async () => {
    const run = await open();
    expect(run.found.newest).toBeUndefined();
    expect(run.previousConfig).toBeUndefined();
    await run.start({ config: 'name: a\n' });
    const before = Date.now() / 1000;
    expect(await run.append(stepLine(1))).toEqual({ ok: true });
    const sample = await run.saveSample({ step: 1, stage: 'I', name: 'x2', png: picture });
    expect(sample).toEqual({ ok: true, file: 'samples/step-00000001-x2.png' });
    const saved = await run.saveCheckpoint(contentAt(1), {
      retention,
      best: { metric: 'psnr.x2.lua', value: 20, mode: 'max' },
    });
    expect(saved).toMatchObject({ ok: true, best: true, checkpoint: { state: { step: 1 } } });
    await run.close();

    expect(names().map((name) => name.replace(/^(events\.out\.tfevents\.).*/, '$1…'))).toEqual([
      'checkpoints',
      'config.yaml',
      'events.out.tfevents.…',
      'metrics.jsonl',
      'samples',
    ]);
    expect(fs.readFileSync(join(path, 'config.yaml'), 'utf8')).toBe('name: a\n');
    expect(new Uint8Array(fs.readFileSync(join(path, 'samples/step-00000001-x2.png')))).toEqual(
      new Uint8Array(picture),
    );
    const lines = metrics();
    expect(lines.map(({ type, step }) => [type, step])).toEqual([
      ['step', 1],
      ['sample', 1],
      ['checkpoint', 1],
    ]);
    expect(lines[0]).toMatchObject({ ...stepLine(1) });
    expect(lines[0]?.time).toBeGreaterThanOrEqual(before);
    expect(lines[2]).toMatchObject({ checkpoint: 'step-00000001', best: true });
    expect(await readBest(join(path, 'checkpoints'))).toMatchObject({
      checkpoint: 'step-00000001',
      value: 20,
    });
    expect([notices, alarms]).toEqual([[], []]);
  });

  it('says NaN and infinity in words that JSON has', async () => {
    const run = await open();
    await run.start({ config: '' });
    await run.append(stepLine(1, { loss: Number.NaN, gradientNorm: Infinity }));
    await run.close();
    expect(metrics()).toMatchObject([{ loss: 'NaN', gradientNorm: 'Infinity' }]);
  });

  it('deletes checkpoints that the policy does not keep, never the best', async () => {
    const run = await open();
    await run.start({ config: '' });
    const values = [20, 22, 21, 21.5, 21.9];
    for (const [i, value] of values.entries()) {
      await run.saveCheckpoint(contentAt(i + 1), { retention, best: { metric: 'psnr', value, mode: 'max' } });
    }
    await run.close();
    expect(names(join(path, 'checkpoints'))).toEqual([
      'best.json',
      'step-00000002',
      'step-00000004',
      'step-00000005',
    ]);
  });

  it('refuses to save what is not finite, and goes on', async () => {
    const run = await open();
    await run.start({ config: '' });
    const weights = new Map([['a', fromFloat32(Float32Array.of(Number.NaN), [1])]]);
    const attempt = run.saveCheckpoint({ ...contentAt(1), weights } as CheckpointContent, { retention });
    await expect(attempt).rejects.toMatchObject({ code: 'non-finite' });
    expect((await run.saveCheckpoint(contentAt(1), { retention })).ok).toBe(true);
    await run.close();
  });

  it('keeps training when best.json is damaged: an alarm, and no checkpoint is deleted', async () => {
    const run = await open();
    await run.start({ config: '' });
    await run.saveCheckpoint(contentAt(1), { retention: { keepLast: 1 } });
    fs.writeFileSync(join(path, 'checkpoints', 'best.json'), '{');
    const best = { metric: 'psnr', value: 1, mode: 'max' } as const;
    const outcome = await run.saveCheckpoint(contentAt(2), { retention: { keepLast: 1 }, best });
    expect(outcome).toMatchObject({ ok: true, best: false });
    expect(alarms.map(({ code }) => code)).toEqual(['checkpoint-best']);
    expect(names(join(path, 'checkpoints'))).toEqual(['best.json', 'step-00000001', 'step-00000002']);
    await run.close();
    expect(metrics().map(({ type }) => type)).toEqual(['checkpoint', 'alarm', 'checkpoint']);
  });
});

describe('a resume', () => {
  it('takes out the lines of later steps, so that none appears twice', async () => {
    await killedRun();
    const run = await open(true);
    expect(run.previousConfig).toBe('name: a\n');
    const step = run.found.newest?.state.step;
    expect(step).toBe(2);
    await run.start({ config: 'name: a\n', step });
    for (const next of [3, 4, 5]) await run.append(stepLine(next));
    await run.close();
    expect(
      metrics()
        .filter(({ type }) => type === 'step')
        .map((line) => line.step),
    ).toEqual([1, 2, 3, 4, 5]);
    expect(notices).toEqual([expect.stringContaining('took out 2 lines of later steps')]);
    expect(names().filter((name) => name.startsWith('events.'))).toHaveLength(2);
    expect(names().filter((name) => name.startsWith('config.'))).toEqual(['config.yaml']);
  });

  it('without a checkpoint begins anew', async () => {
    await killedRun();
    fs.rmSync(join(path, 'checkpoints'), { recursive: true });
    const run = await open(true);
    await run.start({ config: 'name: a\n', step: run.found.newest?.state.step });
    await run.append(stepLine(1));
    await run.close();
    expect(metrics().map(({ step }) => step)).toEqual([1]);
  });

  it('cuts a line that a crash left incomplete, and one that is damaged', async () => {
    await killedRun();
    const file = join(path, 'metrics.jsonl');
    const lines = fs.readFileSync(file, 'utf8').split('\n');
    lines[0] = '\0'.repeat(40);
    fs.writeFileSync(file, `${lines.join('\n')}{"type":"step","st`);
    const run = await open(true);
    await run.start({ config: 'name: a\n', step: 2 });
    await run.close();
    expect(metrics().map(({ type, step }) => [type, step])).toEqual([
      ['step', 2],
      ['checkpoint', 2],
    ]);
    expect(notices).toEqual([expect.stringContaining('2 lines of later steps, 2 incomplete or damaged')]);
  });

  it('leaves the file alone where there is nothing to take out', async () => {
    await killedRun();
    const file = join(path, 'metrics.jsonl');
    const before = fs.statSync(file);
    const run = await open(true);
    await run.start({ config: 'name: a\n', step: 4 });
    await run.close();
    expect(fs.statSync(file).ino).toBe(before.ino);
    expect(notices).toEqual([]);
  });

  it('keeps the configuration from before, where it is another', async () => {
    await killedRun();
    const run = await open(true);
    await run.start({ config: 'name: b\n', step: 2 });
    await run.close();
    expect(fs.readFileSync(join(path, 'config.yaml'), 'utf8')).toBe('name: b\n');
    expect(fs.readFileSync(join(path, 'config.before-step-2.yaml'), 'utf8')).toBe('name: a\n');
    expect(notices[0]).toContain('config.before-step-2.yaml');
  });

  it('clears away what dead processes left, and reports broken checkpoints', async () => {
    await killedRun();
    const leftover = `step-00000003.77-${crypto.randomUUID()}.tmp`;
    fs.mkdirSync(join(path, 'checkpoints', `.${leftover}`));
    fs.cpSync(join(path, 'checkpoints/step-00000002'), join(path, 'checkpoints/step-00000009'), {
      recursive: true,
    });
    fs.truncateSync(join(path, 'checkpoints/step-00000009/weights.safetensors'), 3);
    const run = await open(true);
    expect(run.found.newest?.state.step).toBe(2);
    expect(run.found.broken).toHaveLength(1);
    expect(notices).toEqual([
      expect.stringContaining(leftover),
      expect.stringMatching(/passed by a checkpoint \[checkpoint-length\]: .*step-00000009/),
    ]);
    await run.close();
    expect(names(join(path, 'checkpoints'))).toEqual(['step-00000002', 'step-00000009']);
  });

  it('in the middle of a run goes back to an earlier step', async () => {
    const run = await open();
    await run.start({ config: '' });
    for (const step of [1, 2, 3]) await run.append(stepLine(step));
    await run.rewind(1);
    await run.append(stepLine(2));
    await run.close();
    expect(metrics().map(({ step }) => step)).toEqual([1, 2]);
  });
});

describe.runIf(noSmallDisk === undefined)(
  `on a small disk${noSmallDisk ? `: not here, ${noSmallDisk}` : ''}`,
  () => {
    let disk: ReturnType<typeof smallDisk>;
    const fill = () => {
      const { bavail, bsize } = fs.statfsSync(path);
      fs.writeFileSync(join(disk.folder, 'filler'), new Uint8Array(bavail * bsize));
    };
    beforeEach(() => {
      disk = smallDisk(2 ** 19);
      path = join(disk.folder, 'run');
    });
    afterEach(() => disk.unmount());

    it('a full one raises an alarm and training goes on; what was held back is written later', async () => {
      const run = await open();
      await run.start({ config: 'name: a\n' });
      expect((await run.saveCheckpoint(contentAt(1), { retention })).ok).toBe(true);
      fill();
      let failed = 0;
      for (let step = 2; step <= 40; step++) failed += (await run.append(stepLine(step))).ok ? 0 : 1;
      expect(failed).toBeGreaterThan(20);
      const saved = await run.saveCheckpoint(contentAt(40), { retention });
      expect(saved).toMatchObject({ ok: false, error: { code: 'file-disk-full' } });
      const sample = await run.saveSample({ step: 40, stage: 'I', name: 'x2', png: picture });
      expect(sample).toMatchObject({ ok: false, error: { code: 'file-disk-full' } });
      expect(names(join(path, 'checkpoints'))).toEqual(['step-00000001']);
      // Metrics, events, checkpoint, sample: once each.
      expect(alarms.map(({ code }) => code)).toEqual(Array(4).fill('file-disk-full'));

      fs.rmSync(join(disk.folder, 'filler'));
      expect(await run.append(stepLine(41))).toEqual({ ok: true });
      expect(await run.saveCheckpoint(contentAt(41), { retention })).toMatchObject({ ok: true });
      await run.close();
      const steps = metrics().filter(({ type }) => type === 'step');
      expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 2));
      expect(metrics().filter(({ type }) => type === 'alarm')).toHaveLength(4);
      expect(notices).toEqual([
        expect.stringMatching(/metrics are written again, 0 records are lost/),
        expect.stringMatching(/events are written again, 0 records are lost/),
      ]);
    });
  },
);
