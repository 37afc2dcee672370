import { mkdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { HostLatent, RgbImage, Vae } from '@lua-webgpu/lua-model';
import { encodeSafetensors, fromFloat32, unwritable, writeFileAtomic } from '@lua-webgpu/tensor';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { mebibytes, Stopwatch, withDevice } from '../device.ts';
import { UsageError } from '../errors.ts';
import { checkOutput } from '../latent-file.ts';
import { shared } from '../options.ts';
import { fitToStride, listPhotos, readPhoto, sizeText } from '../photos.ts';
import { HostVae, readVaeOptions } from '../vae.ts';
import { packageVersion } from '../version.ts';

const spec = {
  name: 'encode',
  summary: 'encode photos to latents',
  positionals: ['PHOTO…'],
  options: {
    vae: { ...shared.vae, required: true },
    out: {
      type: 'string',
      placeholder: 'OUT',
      about: 'a .safetensors file for one photo, a folder for several',
      required: true,
    },
    profile: shared.profile,
    tile: shared.tile,
    overlap: shared.overlap,
    'max-pixels': shared.maxPixels,
    adapter: shared.adapter,
    ...commonOptions,
  },
  details: `PHOTO is a PNG, JPEG, WebP, TIFF or AVIF file, or a folder of them. For several photos, or where OUT is a folder, each NAME.png gives OUT/NAME.safetensors. Sides that are no multiple of 8 are cropped at the right and at the bottom, and stderr says so. A file holds latent, F32 [1, C, h, w] in the decoder's scale; its metadata say profile, latent_scale (decoder), pixels (HxW), source (name of the photo), vae (name of the weights) and version. Each file is written whole or not at all.`,
} satisfies CommandSpec;

interface Job {
  readonly photo: string;
  readonly out: string;
}

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const options = readVaeOptions(parsed);
  const maxPixels = parsed.count('max-pixels');
  const adapterName = parsed.text('adapter');
  const watch = new Stopwatch();
  const jobs = await planJobs(await listPhotos(parsed.positionals), parsed.required('out'), options.path);

  const opening = watch.start('open');
  const report = await withDevice(adapterName, context, async (device) => {
    opening.stop();
    using vae = await watch.time('load', () => HostVae.open(device, options, ['encoder'], context));
    const photos: object[] = [];
    for (const { photo: path, out } of jobs) {
      const photo = await watch.time('input', () => readPhoto(path, { maxPixels }, output));
      const image = fitToStride(photo, vae.network.stride, output);
      const latent = await watch.time('encode', () => vae.encode(image));
      signal.throwIfAborted();
      await watch.time('write', () =>
        writeLatentFile(out, latent, metadataOf(path, image, vae.network, options.path)),
      );
      photos.push({ input: path, output: out, pixels: [image.height, image.width], shape: latent.shape });
      output.print(`${out}: latent F32 [${latent.shape.join(', ')}] of ${path}, ${sizeText(image)}`);
    }
    const { adapter } = device;
    return { adapter, vae: vae.describe(), photos, peakBytes: device.memory().peak };
  });

  const ms = watch.report();
  output.result({ ...report, ms });
  output.print(
    `${ms.encode?.toFixed(0)} ms of encoding on ${report.adapter.name}; ${mebibytes(report.peakBytes)} of GPU memory at the peak`,
  );
  return 0;
}

/**
 * Which photo goes where, checked before any work is done.
 * @throws UsageError `usage-names`, `usage-out-is-input`, FileError `file-unwritable`
 */
async function planJobs(photos: readonly string[], out: string, vae: string): Promise<Job[]> {
  const folder = photos.length > 1 || (await isFolder(out));
  if (folder) await makeFolder(out);
  const jobs = photos.map((photo) => ({
    photo,
    out: folder ? join(out, `${basename(photo, extname(photo))}.safetensors`) : out,
  }));
  const taken = new Map<string, string>();
  for (const { photo, out } of jobs) {
    const other = taken.get(out);
    if (other !== undefined) {
      throw new UsageError(
        'usage-names',
        `${other} and ${photo} would both become ${out}`,
        'Encode them into two folders.',
      );
    }
    taken.set(out, photo);
    await checkOutput(out, [photo, vae]);
  }
  return jobs;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function metadataOf(
  path: string,
  { width, height }: RgbImage,
  vae: Vae,
  weights: string,
): Map<string, string> {
  return new Map([
    ['profile', vae.profile.name],
    ['latent_scale', 'decoder'],
    ['pixels', `${height}x${width}`],
    ['source', basename(path)],
    ['vae', basename(weights)],
    ['version', `lua-webgpu ${packageVersion()}`],
  ]);
}

function writeLatentFile(
  path: string,
  { data, shape }: HostLatent,
  metadata: ReadonlyMap<string, string>,
): Promise<void> {
  return writeFileAtomic(path, encodeSafetensors(new Map([['latent', fromFloat32(data, shape)]]), metadata));
}

export const encode: Command = { spec, run };
