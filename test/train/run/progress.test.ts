import { formatDuration, formatProgress, type Progress, progressToJson } from '@lua-webgpu/train';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, shortNumber } from '../../../packages/train/src/run/progress.ts';

const progress: Progress = {
  stage: 'II',
  step: 1200,
  steps: 125_000,
  terms: { l1_latent: 0.03152, fft_latent: 0.8123, downsample: 0.0123, high_frequency: 0.00412 },
  lr: 2e-4,
  samplesPerSecond: 12.345,
  secondsLeft: 3 * 3600 + 62,
  memoryBytes: 1.5 * 2 ** 30,
};

describe('the progress line', () => {
  it('says all of it where it fits', () => {
    const { l1_latent, fft_latent } = progress.terms as Record<string, number>;
    expect(formatProgress({ ...progress, terms: { l1_latent, fft_latent } as Record<string, number> })).toBe(
      'II   1200/125000 · l1_latent 0.0315 · fft_latent 0.812 · lr 2.00e-4 · 12.3/s · 3h 01m left · 1.5 GiB',
    );
  });

  it('leaves out the last terms where it does not, and says so', () => {
    const line = formatProgress(progress);
    expect(line).toContain('fft_latent 0.812 · … · lr');
    expect(line.length).toBeLessThanOrEqual(120);
  });

  it('fits 120 columns whatever the run is called', () => {
    const number = fc.oneof(fc.double(), fc.double({ min: 0, max: 1e6 }), fc.constant(Number.NaN));
    const term = fc.tuple(fc.string({ maxLength: 40 }), number);
    const steps = fc.nat(1e9);
    const record = fc.record({
      stage: fc.string({ maxLength: 60 }),
      step: steps,
      steps,
      terms: fc.array(term, { maxLength: 12 }).map((terms) => Object.fromEntries(terms)),
      lr: number,
      samplesPerSecond: number,
      secondsLeft: number,
      memoryBytes: fc.nat(2 ** 45),
    });
    fc.assert(
      fc.property(record, (any) => {
        expect(formatProgress(any).length).toBeLessThanOrEqual(120);
      }),
    );
  });

  it('is one line of JSON for programs', () => {
    const line = progressToJson(progress);
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({ type: 'progress', ...progress });
  });
});

it.each([
  [0, '0s'],
  [59.6, '1m 00s'],
  [3599, '59m 59s'],
  [7500, '2h 05m'],
  [100_000, '1d 03h'],
  [-3, '0s'],
  [Number.POSITIVE_INFINITY, '?'],
  [Number.NaN, '?'],
])('%f seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [5 * 2 ** 40, '5.0 TiB'],
  [2 ** 55, '32768.0 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  [0, '0'],
  [412.4, '412'],
  [0.03152, '0.0315'],
  [2e-4, '2.00e-4'],
  [123_456, '1.23e+5'],
  [-1.5, '-1.50'],
  [Number.NaN, 'NaN'],
])('%f is written %s', (value, text) => {
  expect(shortNumber(value)).toBe(text);
});
