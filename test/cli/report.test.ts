import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { syntheticRun } from '../train/run/synthetic.ts';
import { runHere, temporaryFolder } from './run.ts';

const run = join(temporaryFolder(), 'run');
beforeAll(() => syntheticRun(run, 24));

describe('report', () => {
  it('says how a run ended and writes the page into its folder', async () => {
    const { code, stdout, stderr } = await runHere(['report', run]);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^tiny-cpu: step 72 of 72, .*, done$/);
    expect(lines[3]).toMatch(
      /^stage III, steps 49 to 72: loss 0\.\d+ \(l1_pixel .*, fft_pixel .*, eagle .*\)$/,
    );
    expect(lines[4]).toMatch(/^PSNR x2: lua 2\d\.\d\d, bicubic_latent 19\.71, /);
    expect(lines[6]).toBe('1 skipped steps, 0 alarms');
    expect(lines[7]).toMatch(/^newest checkpoint step-00000072, best step-/);
    expect(lines[8]).toBe(`report: ${join(run, 'report.html')}`);
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('<title>tiny-cpu</title>');
  });

  it('gives the same to programs, and writes where it is told to', async () => {
    const out = join(run, '..', 'mine.html');
    const { code, stdout } = await runHere(['report', run, '--out', out, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'tiny-cpu', end: 'done', step: 72, file: out });
    expect(readFileSync(out, 'utf8')).toContain('</html>');
  });
});
