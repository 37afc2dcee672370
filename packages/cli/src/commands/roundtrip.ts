import { psnr } from '@lua-webgpu/train';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { mebibytes, Stopwatch, withDevice } from '../device.ts';
import { shared } from '../options.ts';
import { fitToStride, listPhotos, readPhoto, sizeText } from '../photos.ts';
import { HostVae, readVaeOptions } from '../vae.ts';

const spec = {
  name: 'roundtrip',
  summary: 'measure what a VAE alone does to photos',
  positionals: ['PHOTO…'],
  options: {
    vae: { ...shared.vae, required: true },
    profile: shared.profile,
    tile: shared.tile,
    overlap: shared.overlap,
    'max-pixels': shared.maxPixels,
    adapter: shared.adapter,
    ...commonOptions,
  },
  details:
    'Encodes and decodes each PHOTO (a file, or a folder of them) and prints the PSNR between the result and the photo: clamped and rounded to 8 bits, over RGB, no border cut; at the end the mean of the dB. Sides that are no multiple of 8 are cropped first. Seconds per megapixel are those of encoding and decoding; the first photo of a size includes compiling the shaders.',
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output } = context;
  const options = readVaeOptions(parsed);
  const maxPixels = parsed.count('max-pixels');
  const paths = await listPhotos(parsed.positionals);
  const watch = new Stopwatch();

  const report = await withDevice(parsed.text('adapter'), context, async (device) => {
    using vae = await watch.time('load', () => {
      return HostVae.open(device, options, ['encoder', 'decoder'], context);
    });
    const photos: { path: string; pixels: [number, number]; psnr: number; secondsPerMegapixel: number }[] =
      [];
    for (const path of paths) {
      const photo = await readPhoto(path, { maxPixels }, output);
      const image = fitToStride(photo, vae.network.stride, output);
      const { width, height } = image;
      const begin = performance.now();
      const latent = await watch.time('encode', () => vae.encode(image));
      const decoded = await watch.time('decode', () => vae.decode(latent));
      const secondsPerMegapixel = (performance.now() - begin) / 1000 / ((width * height) / 1e6);
      const value = psnr(decoded, image);
      photos.push({ path, pixels: [height, width], psnr: value, secondsPerMegapixel });
      output.print(`${path}: ${sizeText(image)}, ${figures({ psnr: value, secondsPerMegapixel })}`);
    }
    const mean = {
      psnr: average(photos.map((each) => each.psnr)),
      secondsPerMegapixel: average(photos.map((each) => each.secondsPerMegapixel)),
    };
    const { adapter } = device;
    return { adapter, vae: vae.describe(), photos, mean, peakBytes: device.memory().peak };
  });

  output.result({ ...report, ms: watch.report() });
  output.print(`mean of ${report.photos.length}: ${figures(report.mean)}`);
  output.print(`on ${report.adapter.name}; ${mebibytes(report.peakBytes)} of GPU memory at the peak`);
  return 0;
}

function figures(of: { readonly psnr: number; readonly secondsPerMegapixel: number }): string {
  return `${of.psnr.toFixed(3)} dB, ${of.secondsPerMegapixel.toFixed(2)} s per megapixel`;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export const roundtrip: Command = { spec, run };
