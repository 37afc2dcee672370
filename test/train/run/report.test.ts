/** The report: what it says, that it needs nothing beside it, and that no run can break it. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunFolder, writeReport } from '@lua-webgpu/train';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { linearAxis, logAxis, stepLabel, valueLabel } from '../../../packages/train/src/run/report/axis.ts';
import { chart } from '../../../packages/train/src/run/report/chart.ts';
import { html } from '../../../packages/train/src/run/report/markup.ts';
import { buckets, smooth } from '../../../packages/train/src/run/report/series.ts';
import { stepLine } from './lines.ts';
import { png } from './png.ts';
import { syntheticRun } from './synthetic.ts';

const temporary = () => fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-report-'));

describe('the report of a run of three stages', () => {
  const STEPS = 24;
  let folder = '';
  let text = '';
  let summary: Awaited<ReturnType<typeof writeReport>>;
  beforeAll(async () => {
    folder = temporary();
    await syntheticRun(join(folder, 'run'), STEPS);
    summary = await writeReport(join(folder, 'run'));
    text = fs.readFileSync(summary.file, 'utf8');
  });
  afterAll(() => fs.rmSync(folder, { recursive: true }));

  it('gives its end in numbers', () => {
    expect(summary).toMatchObject({
      name: 'tiny-cpu',
      end: 'done',
      step: 3 * STEPS,
      steps: 3 * STEPS,
      skipped: 1,
      alarms: 0,
      newest: 'step-00000072',
      file: join(folder, 'run', 'report.html'),
    });
    expect(summary.stages.map(({ name, first, last }) => [name, first, last])).toEqual([
      ['I', 1, 24],
      ['II', 25, 48],
      ['III', 49, 72],
    ]);
    expect(Object.keys(summary.stages[2]?.terms ?? {})).toEqual(['l1_pixel', 'fft_pixel', 'eagle']);
    expect(summary.lastPsnr.x2?.decode_bicubic).toBe(23.4);
    expect(summary.best).toMatch(/^step-/);
  });

  it('shows curves, pictures, skipped steps, checkpoints, machine and configuration', () => {
    for (const words of [
      '<h1>tiny-cpu<span class="state done">done</span></h1>',
      'PSNR ×2',
      'PSNR ×4',
      'Stage III',
      'Learning rate',
      'Gradient norm',
      'Throughput',
      'decode, then bicubic',
      'the loss is NaN',
      '17, 512, 803, 44',
      'checkpoints/step-00000072',
      'llvmpipe (LLVM 15.0.6, 256 bits)',
      'resumed at step 36',
      '{ preset: tiny, in_chans: 4 }',
    ]) {
      expect(text).toContain(words);
    }
    // Eight of the 48 pictures, whole.
    const pictures = text.match(/src="data:image\/png;base64,[A-Za-z0-9+/=]+"/g) ?? [];
    expect(pictures).toHaveLength(8);
    const last = fs.readFileSync(join(folder, 'run/samples/step-00000072-0-x4.png'), 'base64');
    expect(text).toContain(last);
    expect(text.match(/<svg /g)).toHaveLength(2 + 2 * 3 + 2 + 1);
  });

  it('loads nothing, runs nothing, and holds no coordinate that is no number', () => {
    expect(text).not.toMatch(/<script|<link|<iframe|@import|url\(/);
    for (const [, address] of text.matchAll(/(?:src|href)="([^"]*)"/g))
      expect(address).toMatch(/^data:image\/png/);
    expect(text).not.toMatch(/NaN[ "]|Infinity|undefined/);
  });

  it('closes every element that it opens', () => {
    const open: string[] = [];
    for (const [, closing, name = '', , self] of text.matchAll(
      /<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*?)(\/?)>/g,
    )) {
      if (closing) expect(name).toBe(open.pop());
      else if (!self && !['meta', 'img', 'br'].includes(name)) open.push(name);
    }
    expect(open).toEqual([]);
  });

  it('marks what is deleted or damaged', async () => {
    const run = join(folder, 'copy');
    fs.cpSync(join(folder, 'run'), run, { recursive: true });
    fs.truncateSync(join(run, 'checkpoints/step-00000072/weights.safetensors'), 10);
    const { newest, file } = await writeReport(run, join(folder, 'elsewhere.html'));
    expect(newest).not.toBe('step-00000072');
    expect(fs.readFileSync(file, 'utf8')).toContain('damaged');
    expect(fs.existsSync(join(run, 'report.html'))).toBe(true);
  });
});

describe('the report of', () => {
  let folder = '';
  beforeEach(() => {
    folder = temporary();
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));
  const write = (...lines: (object | string)[]) => {
    const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
    fs.writeFileSync(join(folder, 'metrics.jsonl'), text.map((line) => `${line}\n`).join(''));
  };
  const report = async () => fs.readFileSync((await writeReport(folder)).file, 'utf8');
  const time = 1_700_000_000;

  it('a run that has not logged a step', async () => {
    write();
    expect(await report()).toContain('no end recorded');
  });

  it('a run at work, whose last line is being written', async () => {
    const run = await RunFolder.open(folder);
    await run.start({ config: 'name: x' });
    await run.append(stepLine(1));
    fs.appendFileSync(join(folder, 'metrics.jsonl'), '{"type":"step"');
    expect(await run.report()).toEqual({ ok: true, file: join(folder, 'report.html') });
    const text = fs.readFileSync(join(folder, 'report.html'), 'utf8');
    expect(text).toContain('Stage I');
    expect(text).not.toContain('damaged lines');
    await run.close();
  });

  it('one step, of zeros, and of values that are not finite', async () => {
    const zeros = { loss: 0, terms: { a: 0 }, weighted: { a: 0 }, lr: 0, gradientNorm: 0 };
    const wild = { loss: 'NaN', terms: { a: 'Infinity' }, weighted: { a: '-Infinity' }, gradientNorm: 'NaN' };
    for (const part of [{}, zeros, wild]) {
      write({ ...stepLine(1), ...part, time });
      expect(await report()).not.toMatch(/NaN[ "]|Infinity[ "]/);
    }
  });

  it('lines that lack what they should have, and lines that are none', async () => {
    const types = [
      'step',
      'skipped',
      'validation',
      'stage',
      'start',
      'resume',
      'checkpoint',
      'sample',
      'alarm',
      'end',
      'new',
    ];
    for (const type of types) {
      write({ type, step: 1, stage: 'I', time }, '{"broken', 'null', { type, step: 2 });
      expect(await report(), type).toMatch(/[34] damaged lines were passed by/);
    }
  });

  it('names that would be markup', async () => {
    const evil = '<img src=x onerror=alert(1)>"&';
    write(
      {
        type: 'start',
        step: 0,
        stage: evil,
        name: evil,
        time,
        adapter: { name: evil, vendor: evil },
        parameters: 1,
      },
      { ...stepLine(1), stage: evil, terms: { [evil]: 1 }, weighted: { [evil]: 1 }, time },
      { type: 'skipped', step: 1, stage: evil, reason: evil, ids: [evil], time },
      { type: 'validation', step: 1, stage: evil, psnr: { [evil]: { lua: 1 } }, time },
      { type: 'checkpoint', step: 1, stage: evil, checkpoint: evil, time },
      { type: 'alarm', step: 1, stage: evil, code: evil, message: evil, time },
      { type: 'end', step: 1, stage: evil, reason: evil, message: evil, time },
    );
    fs.writeFileSync(join(folder, 'config.yaml'), evil);
    const text = await report();
    expect(text).not.toContain('<img');
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&amp;');
  });

  it('samples that are missing, or lie elsewhere', async () => {
    fs.mkdirSync(join(folder, 'samples'));
    fs.writeFileSync(
      join(folder, 'secret.png'),
      png(3, 3, () => [1, 2, 3]),
    );
    fs.writeFileSync(join(folder, 'samples/empty.png'), '');
    fs.writeFileSync(join(folder, 'samples/text.png'), 'x'.repeat(100));
    const sample = { type: 'sample', step: 1, stage: 'I', time };
    const files = [
      'samples/none.png',
      'samples/../secret.png',
      'secret.png',
      '/etc/hostname',
      'samples/empty.png',
    ];
    write(...files.map((file) => ({ ...sample, name: file, file })), { ...sample, name: 'n' });
    expect(await report()).not.toContain('<img');
  });

  it('many steps in a page that stays small', async () => {
    const steps = 20_000;
    write(
      ...Array.from({ length: steps }, (_, i) => ({
        ...stepLine(i + 1),
        loss: 1 + Math.sin(i),
        time: time + i,
      })),
    );
    const { file, seconds, step } = await writeReport(folder);
    expect([seconds, step]).toEqual([steps - 1, steps]);
    expect(fs.statSync(file).size).toBeLessThan(150_000);
  });
});

describe('axes', () => {
  it('have round ticks within their ends', () => {
    expect(linearAxis(0, 1).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(linearAxis(19.7, 27.9).ticks).toEqual([20, 22, 24, 26]);
    expect(linearAxis(-3, 3).ticks).toEqual([-3, -2, -1, 0, 1, 2, 3]);
    expect(linearAxis(5, 5).ticks).toContain(5);
    expect(linearAxis(0, 0).ticks).toContain(0);
    expect(logAxis(0.15, 30).ticks).toEqual([1, 10]);
    expect(logAxis(0.15, 3).ticks).toEqual([0.2, 0.5, 1, 2]);
    expect(logAxis(1e-9, 1e9).ticks).toEqual([1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9]);
    expect(logAxis(0.41, 0.44).ticks.length).toBeGreaterThan(1);
    expect(logAxis(2, 2).ticks.length).toBeGreaterThan(0);
  });

  it('place values from 0 to 1', () => {
    const [linear, log] = [linearAxis(10, 20), logAxis(1, 100)];
    expect([10, 15, 20].map(linear.place)).toEqual([0, 0.5, 1]);
    expect([1, 10, 100].map(log.place)).toEqual([0, 0.5, 1]);
  });

  it('have labels without digits that say nothing', () => {
    expect([500, 12_500, 1_200_000].map(stepLabel)).toEqual(['500', '12.5k', '1.2M']);
    expect([0, 0.2, 1000, 2e-4, 1.5e-5, 1e6].map(valueLabel)).toEqual([
      '0',
      '0.2',
      '1000',
      '2e-4',
      '1.5e-5',
      '1e6',
    ]);
  });
});

describe('curves', () => {
  const points = (values: readonly number[]) => values.map((y, x) => ({ x, y }));

  it('are averaged from the first point on', () => {
    expect(smooth(points([5])).map(({ y }) => y)).toEqual([5]);
    for (const { y } of smooth(points(Array(100).fill(3)))) expect(y).toBeCloseTo(3, 12);
    const step = smooth(points([...Array(50).fill(0), ...Array(50).fill(1)]));
    expect(step[49]?.y).toBe(0);
    expect(step[99]?.y).toBeGreaterThan(0.99);
  });

  it('keep their extremes when many points become one', () => {
    const found = buckets(points([1, 9, 2, 3, 4, 0]), 2);
    expect(found.map(({ low, high }) => [low, high])).toEqual([
      [1, 9],
      [0, 4],
    ]);
  });

  it('of no drawable value make a chart that says so', () => {
    const series = [{ name: 'a', parts: [points([0, -1, Number.NaN])], colour: 0, style: 'noisy' }] as const;
    expect(chart({ title: 't', scale: 'log', series }).text).toContain('no values yet');
    expect(chart({ title: 't', scale: 'linear', series: [] }).text).toContain('no values yet');
  });
});

it('markup escapes what is inserted, once', () => {
  const inner = html`<b>${'<&>"'}</b>`;
  expect(html`<p title="${'"'}">${inner}${['<', inner]}</p>`.text).toBe(
    '<p title="&quot;"><b>&lt;&amp;&gt;&quot;</b>&lt;<b>&lt;&amp;&gt;&quot;</b></p>',
  );
});
