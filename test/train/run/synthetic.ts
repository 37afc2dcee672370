import { RunFolder } from '@lua-webgpu/train';
import { seededValues } from '../../support/compare.ts';
import { contentAt } from '../checkpoint/content.ts';
import { stepLine } from './lines.ts';
import { png } from './png.ts';

const stages = [
  { name: 'I', losses: { l1_latent: 1, fft_latent: 0.1 }, from: 1.2, to: 0.42, psnr: [19.2, 21.1] },
  {
    name: 'II',
    losses: { l1_latent: 1, fft_latent: 0.1, downsample: 0.1, high_frequency: 0.05 },
    from: 0.44,
    to: 0.36,
    psnr: [21.2, 22.4],
  },
  {
    name: 'III',
    losses: { l1_pixel: 10, fft_pixel: 1, eagle: 5e-5 },
    from: 0.9,
    to: 0.55,
    psnr: [22.0, 24.3],
  },
] as const;

/** A run as a trainer leaves it, three stages of so many steps, interrupted once. */
export async function syntheticRun(path: string, steps: number): Promise<void> {
  const adapter = {
    name: 'llvmpipe (LLVM 15.0.6, 256 bits)',
    vendor: 'mesa',
    architecture: '',
    kind: 'software',
    origin: 'system',
  };
  const common = { version: 'lua-webgpu 0.1.0', node: process.version, adapter };
  const noise = seededValues(3, 40 * steps);
  let at = 0;
  const random = () => noise[at++ % noise.length] ?? 0;
  let run = await RunFolder.open(path);
  await run.start({ config: CONFIG });
  const here = { step: 0, stage: 'I' };
  await run.append({
    ...here,
    ...common,
    type: 'start',
    name: 'tiny-cpu',
    platform: 'linux x64',
    parameters: 112_348,
    // The resume cuts the last stage short.
    steps: 4 * steps,
  });
  let step = 0;
  for (const [index, { name, losses, from, to, psnr }] of stages.entries()) {
    await run.append({ step, stage: name, type: 'stage', index, stages: 3, steps, losses, batch: 8 });
    for (let stageStep = 1; stageStep <= steps; stageStep++) {
      step += 1;
      const part = stageStep / steps;
      if (step === Math.round(1.4 * steps) || step === Math.round(1.41 * steps)) {
        await run.append({
          step,
          stage: name,
          type: 'skipped',
          reason: 'the loss is NaN',
          ids: [17, 512, 803, 44],
        });
        continue;
      }
      const level = (to + (from - to) * Math.exp(-6 * part)) * (1 + 0.25 * random());
      const weights = Object.entries(losses);
      const weighted = Object.fromEntries(
        weights.map(([term], i) => [
          term,
          level * (i === 0 ? 0.6 : 0.4 / (weights.length - 1)) * (1 + 0.2 * random()),
        ]),
      );
      const terms = Object.fromEntries(
        weights.map(([term, weight]) => [term, (weighted[term] ?? 0) / weight]),
      );
      const decays = [0.5, 0.75, 0.9].filter((milestone) => part > milestone).length;
      const wall = (index === 0 ? 260 : 690) * (1 + 0.05 * random());
      await run.append(
        stepLine(step, {
          stage: name,
          stageStep,
          terms,
          weighted,
          loss: Object.values(weighted).reduce((a, b) => a + b, 0),
          lr: 2e-4 * 0.5 ** decays,
          gradientNorm: 0.3 * level * (1 + 0.6 * random() ** 2) * (stageStep % 97 === 0 ? 9 : 1),
          samplesPerSecond: 8000 / wall,
          ms: { data: 2, record: wall * 0.04, gpu: wall * 0.93, wall },
          memory: { inUse: 3e8, peak: index === 0 ? 4.1e8 : 9.6e8 },
        }),
      );
      if (stageStep % Math.ceil(steps / 8) === 0) {
        const x2 = psnr[0] + (psnr[1] - psnr[0]) * (1 - Math.exp(-3 * part)) + 0.08 * random();
        const x4 = x2 - 3.1 + 0.08 * random();
        await run.append({
          step,
          stage: name,
          type: 'validation',
          psnr: {
            x2: { lua: x2, bicubic_latent: 19.71, decode_bicubic: 23.4, round_trip: 27.9 },
            x4: { lua: x4, bicubic_latent: 17.2, decode_bicubic: 20.1, round_trip: 27.9 },
          },
          l1_latent: { x2: level, x4: 1.4 * level },
          images: 16,
          ms: 900,
        });
        for (const scale of [2, 4]) {
          const sharp = 0.2 + 0.8 * ((index + part) / 3);
          await run.saveSample({ step, stage: name, name: `0-x${scale}`, png: strip(sharp / scale) });
        }
        const best = { metric: 'psnr', value: x2, mode: 'max' } as const;
        await run.saveCheckpoint(
          { ...contentAt(step), state: { ...contentAt(step).state, stage: name } },
          { retention: { keepLast: 3, keepEvery: steps }, best },
        );
      }
      if (step === Math.round(1.5 * steps)) {
        await run.append({ step, stage: name, type: 'end', reason: 'interrupted' });
        await run.close();
        run = await RunFolder.open(path, { resume: true });
        await run.start({ config: CONFIG, step });
        await run.append({
          step,
          stage: name,
          ...common,
          type: 'resume',
          checkpoint: 'checkpoints/step',
          steps: 3 * steps,
          differences: [],
        });
      }
    }
  }
  await run.append({ step, stage: 'III', type: 'end', reason: 'done' });
  await run.close();
}

/** Five panels of something that looks like a picture. */
function strip(sharp: number): Uint8Array {
  const side = 96;
  return png(5 * side + 16, side, (x, y) => {
    const panel = Math.floor(x / (side + 4));
    const u = x - panel * (side + 4);
    if (u >= side) return [255, 255, 255];
    const detail = [0.15, 0.3, 0.45, sharp, 1][panel] ?? 1;
    const wave = Math.sin(u / 6) * Math.cos(y / 9) + detail * Math.sin((u * y) / 90);
    return [128 + 50 * wave, 110 + 30 * wave + y / 3, 90 + u / 2 - 20 * wave].map((v) =>
      Math.max(0, Math.min(255, v)),
    ) as unknown as [number, number, number];
  });
}

const CONFIG = `name: tiny-cpu
seed: 0
model: { preset: tiny, in_chans: 4 }
stages:
  - { name: I, space: latent, losses: { l1_latent: 1.0, fft_latent: 0.1 } }
`;
