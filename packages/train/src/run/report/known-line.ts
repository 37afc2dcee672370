import * as z from 'zod';
import { decodeLine, type ReadLine } from '../metrics-file.ts';

/** Numbers as metrics.jsonl has them: what is not finite is a word, what is missing counts as NaN. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
}

export function numbersOf(values: unknown): Record<string, number> {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, numberOf(value)]));
}

const number = z.unknown().transform(numberOf);
const adapter = z.looseObject({
  name: z.string(),
  vendor: z.string().default(''),
  architecture: z.string().default(''),
  kind: z.string().default(''),
  origin: z.string().default(''),
});

/** What the report takes from a line of each type, beside step and stage. Steps are many: their numbers are taken one by one. */
const parts: Readonly<Record<string, z.ZodObject>> = {
  step: z.looseObject({}),
  skipped: z.looseObject({ reason: z.string(), ids: z.array(z.union([z.string(), z.number()])) }),
  validation: z.looseObject({ psnr: z.record(z.string(), z.record(z.string(), number)) }),
  stage: z.looseObject({ steps: number, losses: z.record(z.string(), number), batch: z.number().optional() }),
  start: z.looseObject({
    name: z.string(),
    version: z.string().default(''),
    node: z.string().default(''),
    platform: z.string().default(''),
    adapter,
    parameters: z.number(),
    steps: z.number().optional(),
  }),
  resume: z.looseObject({
    steps: z.number().optional(),
    differences: z.array(z.string()).default([]),
  }),
  checkpoint: z.looseObject({ checkpoint: z.string(), bytes: number, ms: number }),
  sample: z.looseObject({ name: z.string(), file: z.string() }),
  alarm: z.looseObject({ code: z.string(), message: z.string() }),
  end: z.looseObject({ reason: z.string(), message: z.string().optional() }),
};

/**
 * A line that the report can take as it is; undefined for one that is damaged or lacks what its type has. Of types that
 * only a later version knows, no more than step and time is taken.
 */
export function knownLine(text: string): ReadLine | undefined {
  const line = decodeLine(text);
  if (typeof line?.stage !== 'string' || typeof line.time !== 'number') return undefined;
  const part = Object.hasOwn(parts, line.type) ? parts[line.type] : undefined;
  if (!part || line.type === 'step') return line;
  const { success, data } = part.safeParse(line);
  return success ? (data as unknown as ReadLine) : undefined;
}
