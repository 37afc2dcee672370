/** TensorBoard event files, against what a decoder in Python made of them. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventFile } from '../../../packages/train/src/run/events/event-file.ts';
import {
  imageEvent,
  scalarsEvent,
  startEvent,
  versionEvent,
} from '../../../packages/train/src/run/events/messages.ts';
import { frameRecord } from '../../../packages/train/src/run/events/record.ts';
import { png } from './png.ts';

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** 2 × 3, made by another program. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAADklEQVR4nGP4z4AB/gMAFQAB/3ZFs+MAAAAASUVORK5CYII=',
  'base64',
);

const written = [
  versionEvent({ time: 1_700_000_000.25, step: 0 }),
  startEvent({ time: 1_700_000_000.25, step: 1 }),
  scalarsEvent(
    { time: 1_700_000_001.5, step: 1 },
    new Map([
      ['train/loss', 0.125],
      ['terms/l1_latent', 3.5],
    ]),
  ),
  // Steps of one, two, and more bits than bit operators take.
  scalarsEvent({ time: 1_700_000_002, step: 300 }, new Map([['train/lr', Math.fround(2e-4)]])),
  scalarsEvent({ time: 1_700_000_003, step: 2 ** 40 + 5 }, new Map([['train/loss', Number.NaN]])),
  scalarsEvent({ time: 1_700_000_004, step: 4 }, new Map([['ψ', Number.NEGATIVE_INFINITY]])),
  imageEvent({ time: 1_700_000_005, step: 5 }, 'samples/x2', PICTURE),
];

const decoded = [
  { wall_time: 1_700_000_000.25, file_version: 'brain.Event:2' },
  { wall_time: 1_700_000_000.25, step: 1, session_log: { status: 1 } },
  {
    wall_time: 1_700_000_001.5,
    step: 1,
    summary: {
      value: [
        { tag: 'train/loss', simple_value: 0.125 },
        { tag: 'terms/l1_latent', simple_value: 3.5 },
      ],
    },
  },
  {
    wall_time: 1_700_000_002,
    step: 300,
    summary: { value: [{ tag: 'train/lr', simple_value: Math.fround(2e-4) }] },
  },
  {
    wall_time: 1_700_000_003,
    step: 1_099_511_627_781,
    summary: { value: [{ tag: 'train/loss', simple_value: 'nan' }] },
  },
  { wall_time: 1_700_000_004, step: 4, summary: { value: [{ tag: 'ψ', simple_value: '-inf' }] } },
  {
    wall_time: 1_700_000_005,
    step: 5,
    summary: {
      value: [
        {
          tag: 'samples/x2',
          image: { height: 3, width: 2, colorspace: 3, encoded_image_string: PICTURE.toString('base64') },
        },
      ],
    },
  },
];

const python = spawnSync('python3', ['--version']).status === 0;

function decodeWithPython(path: string): unknown {
  const { status, stdout, stderr } = spawnSync('python3', [fixture('decode_events.py'), path], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

describe('events', () => {
  it('are the bytes of the fixture', () => {
    expect(Buffer.concat(written.map(frameRecord))).toEqual(fs.readFileSync(fixture('events.bin')));
  });

  it('which a decoder of its own read as what was meant', () => {
    expect(JSON.parse(fs.readFileSync(fixture('events.json'), 'utf8'))).toEqual(decoded);
  });

  it('are framed as in a record whose bytes are known', () => {
    // Every event file of TensorFlow begins with these twelve bytes: the length 24 and its checksum.
    const record = frameRecord(versionEvent({ time: 0, step: 0 }));
    expect(Buffer.from(record.subarray(0, 12)).toString('hex')).toBe('1800000000000000a37f4b22');
    expect(Buffer.from(record.subarray(12, 36)).toString('hex')).toBe(
      `09${'00'.repeat(8)}1a0d${Buffer.from('brain.Event:2').toString('hex')}`,
    );
    expect(record).toHaveLength(40);
  });
});

describe('an event file', () => {
  let folder = '';
  beforeEach(() => {
    folder = fs.mkdtempSync(join(tmpdir(), 'lua-webgpu-events-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  it('has the name that TensorBoard looks for, and another one each time', async () => {
    for (let i = 0; i < 3; i++)
      await (await EventFile.create(folder, { time: 1_700_000_000.9, step: 0 })).close();
    const names = fs.readdirSync(folder);
    expect(names).toHaveLength(3);
    for (const name of names) expect(name).toMatch(/^events\.out\.tfevents\.1700000000\..+\.\d+\.[012]$/);
  });

  it.runIf(python)('is read by the decoder (needs python3)', async () => {
    const file = await EventFile.create(folder, { time: 12, step: 8 });
    await file.scalars({ time: 13, step: 8 }, new Map([['a', 1]]));
    const picture = png(20, 10, (x, y) => [x, y, 0]);
    await file.image({ time: 14, step: 9 }, 'b', picture);
    await file.close();
    const [name = ''] = fs.readdirSync(folder);
    expect(decodeWithPython(join(folder, name))).toMatchObject([
      { wall_time: 12, file_version: 'brain.Event:2' },
      { step: 8, session_log: { status: 1 } },
      { step: 8, summary: { value: [{ tag: 'a', simple_value: 1 }] } },
      { step: 9, summary: { value: [{ tag: 'b', image: { width: 20, height: 10, colorspace: 3 } }] } },
    ]);
  });

  it.runIf(python)('would not be believed by the decoder with a bit flipped (needs python3)', () => {
    const bytes = fs.readFileSync(fixture('events.bin'));
    for (const at of [0, 14]) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 4;
      fs.writeFileSync(join(folder, 'flipped'), flipped);
      const { status } = spawnSync('python3', [fixture('decode_events.py'), join(folder, 'flipped')]);
      expect(status, `bit of byte ${at}`).toBe(1);
    }
  });
});
