import { dropout, dropThreshold, fillUniform, threefry4x32, uniformOfElement } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const key = { seed: 0xdeadbeef, step: 124_999, stream: 3 };
const ones = 0xffffffff;

test.each([
  // The known answers that the authors publish with Random123 (kat_vectors).
  {
    counter: [0, 0, 0, 0],
    words: [0, 0, 0, 0],
    expected: [0x9c6ca96a, 0xe17eae66, 0xfc10ecd4, 0x5256a7d8],
  },
  {
    counter: [ones, ones, ones, ones],
    words: [ones, ones, ones, ones],
    expected: [0x2a881696, 0x57012287, 0xf6c7446e, 0xa16a6732],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    words: [0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89],
    expected: [0x59cd1dbb, 0xb8879579, 0x86b5d00c, 0xac8b6d84],
  },
] as const)('threefry4x32 of $counter', ({ counter, words, expected }) => {
  expect(threefry4x32(counter, words)).toEqual(expected);
});

describe.each(await adapterCases())('random numbers on $label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  test.each([
    { samples: 3, perSample: 7, firstSample: 5 },
    { samples: 2, perSample: 1024, firstSample: 0 },
    { samples: 1, perSample: 1, firstSample: 0xfffffff0 },
  ])(
    'uniform $samples × $perSample is the host’s to the bit',
    async ({ samples, perSample, firstSample }) => {
      const device = await devices.open();
      const out = device.allocate(4 * samples * perSample);
      fillUniform(device, out, { ...key, samples, perSample, firstSample });
      const values = new Float32Array(await device.read(out));
      const expected = Float32Array.from({ length: samples * perSample }, (_, i) =>
        uniformOfElement(key, firstSample + Math.floor(i / perSample), i % perSample),
      );
      expect(values).toEqual(expected);
      out.release();
    },
  );

  test('uniform numbers are spread evenly, and other keys give others', async () => {
    const device = await devices.open();
    const count = 1 << 16;
    const draw = async (changed: Partial<typeof key>) => {
      const out = device.allocate(4 * count);
      fillUniform(device, out, { ...key, ...changed, samples: 1, perSample: count, firstSample: 0 });
      const values = new Float32Array(await device.read(out));
      out.release();
      return values;
    };
    const values = await draw({});
    const bins = new Uint32Array(64);
    for (const value of values) {
      expect(value >= 0 && value < 1).toBe(true);
      bins[Math.floor(value * 64)]! += 1;
    }
    // χ² with 63 degrees of freedom: 115 is passed once in 10⁴ times.
    const squares = bins.reduce((sum, n) => sum + (n - count / 64) ** 2 / (count / 64), 0);
    expect(squares).toBeLessThan(115);
    const alike = await Promise.all([draw({ seed: 1 }), draw({ step: 1 }), draw({ stream: 1 })]);
    for (const other of alike) {
      expect(other.reduce((sum, value, i) => sum + Number(value === values[i]), 0)).toBeLessThan(3);
    }
  });

  test.each([
    { wholeSamples: false, perSample: 96 * 4 },
    { wholeSamples: true, perSample: 96 * 4 },
    { wholeSamples: false, perSample: 131 },
    { wholeSamples: true, perSample: 131 },
  ])('dropout beyond one binding is the whole: %o', async ({ wholeSamples, perSample }) => {
    const samples = 40;
    const shape = { ...key, count: samples * perSample, perSample, firstSample: 9, p: 0.3, wholeSamples };
    const x = Float32Array.from({ length: shape.count }, (_, i) => 1 + i);
    const run = async (limits: object) => {
      const device = await devices.open(limits);
      const buffers = { x: device.upload(x), out: device.allocate(x.byteLength) };
      dropout(device, buffers, shape);
      const values = new Float32Array(await device.read(buffers.out));
      buffers.x.release();
      buffers.out.release();
      return values;
    };
    const whole = await run({});
    expect(await run({ limits: { maxStorageBufferBindingSize: 4096 } })).toEqual(whole);
    const share = whole.reduce((sum, value) => sum + Number(value === 0), 0) / whole.length;
    expect(Math.abs(share - 0.3)).toBeLessThan(wholeSamples ? 0.25 : 0.02);
  });

  test('a batch in parts drops what the whole does', async () => {
    const device = await devices.open();
    const x = device.upload(new Float32Array(64).fill(1));
    const half = device.upload(new Float32Array(32).fill(1));
    const run = async (buffer: typeof x, count: number, firstSample: number) => {
      const out = device.allocate(4 * count);
      const shape = { ...key, count, perSample: 8, firstSample, p: 0.5, wholeSamples: false };
      dropout(device, { x: buffer, out }, shape);
      const values = new Float32Array(await device.read(out));
      out.release();
      return [...values];
    };
    expect([...(await run(half, 32, 0)), ...(await run(half, 32, 4))]).toEqual(await run(x, 64, 0));
    x.release();
    half.release();
    expect(device.memory().inUse).toBe(0);
  });
});

test('the threshold of p is in steps of 2⁻²⁴', () => {
  expect([0, 0.5, 1].map(dropThreshold)).toEqual([0, 2 ** 23, 2 ** 24]);
});
