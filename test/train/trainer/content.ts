import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSafetensors } from '@lua-webgpu/tensor';
import type { MetricLine } from '@lua-webgpu/train';

/** Every tensor of a checkpoint, byte for byte. */
export const contentOf = (checkpoint: string | undefined) =>
  ['weights', 'ema', 'optimizer'].map((name) => {
    const path = join(checkpoint ?? '', `${name}.safetensors`);
    return parseSafetensors(readFileSync(path), path).tensors;
  });

/** What metrics.jsonl of a run folder holds. */
export const linesOf = (out: string): MetricLine[] =>
  readFileSync(join(out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as MetricLine);

/** The steps among them. */
export const stepsOf = (out: string) =>
  linesOf(out).flatMap((line) => (line.type === 'step' ? [{ step: line.step, loss: line.loss }] : []));
