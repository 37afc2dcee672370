import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@lua-webgpu/tensor';
import { pngHeader } from '../events/index.ts';
import { runFiles } from '../layout.ts';
import { type RunData, readRun } from './data.ts';
import type { Picture } from './lists.ts';
import { page } from './page.ts';
import { type RunSummary, summarise } from './summary.ts';

/** Pictures of one name that are shown, from the first to the last. */
const PER_NAME = 4;
const SAMPLE = /^samples\/[^/\\]+\.png$/;
/** Base64 of all pictures together, so that a browser opens the page at once. */
const MAX_PICTURE_CHARACTERS = 2 ** 25;

/**
 * Writes the report of a run, which may still be at work: one HTML file with charts and pictures in it that loads nothing
 * from elsewhere.
 *
 * @param out the file; `report.html` in the run folder by default
 * @throws FileError `run-missing`, `file-unreadable`, `file-unwritable`, `file-disk-full`
 */
export async function writeReport(
  run: string,
  out: string = join(run, runFiles.report),
): Promise<RunSummary & { readonly file: string }> {
  const data = await readRun(run);
  await writeFileAtomic(out, new TextEncoder().encode(page(data, await picturesOf(data))));
  return { ...summarise(data), file: out };
}

async function picturesOf({ path, samples }: RunData): Promise<Picture[]> {
  const pictures: Picture[] = [];
  let characters = 0;
  // The last ones first, so that they are shown even where the first ones do not fit.
  for (const { name, step, stage, file } of [...chosen(samples)].reverse()) {
    // A line that someone else wrote must not bring a file of this machine into a page that is passed on.
    if (!SAMPLE.test(file)) continue;
    const png = await readFile(join(path, file)).catch(() => undefined);
    if (png === undefined || png.length < 33) continue;
    const base64 = png.toString('base64');
    characters += base64.length;
    if (characters > MAX_PICTURE_CHARACTERS) break;
    pictures.push({ name, step, stage, base64, width: pngHeader(png).width });
  }
  return pictures.reverse();
}

/** Of each name the first, the last and some between, evenly. */
function chosen(samples: RunData['samples']): RunData['samples'] {
  const names = [...new Set(samples.map(({ name }) => name))];
  return names.flatMap((name) => {
    const all = samples.filter((sample) => sample.name === name);
    const count = Math.min(PER_NAME, all.length);
    const places = Array.from({ length: count }, (_, i) =>
      count === 1 ? all.length - 1 : Math.round((i * (all.length - 1)) / (count - 1)),
    );
    return places.flatMap((place) => all[place] ?? []);
  });
}
