import { imageFormatOf, writeImage } from '@lua-webgpu/lua-model';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { mebibytes, Stopwatch, withDevice } from '../device.ts';
import { checkOutput, parseSize, readLatent } from '../latent-file.ts';
import { forDecoder, scaleOf } from '../latent-scale.ts';
import { shared } from '../options.ts';
import { sizeText } from '../photos.ts';
import { HostVae, readVaeOptions, requireDecodable } from '../vae.ts';

const spec = {
  name: 'decode',
  summary: 'decode a latent to a picture',
  positionals: ['IN.safetensors'],
  options: {
    vae: { ...shared.vae, required: true },
    out: {
      type: 'string',
      placeholder: 'OUT.png',
      about: 'the picture: .png, .jpg, .webp, .tiff or .avif',
      required: true,
    },
    'latent-scale': shared.latentScale,
    profile: shared.profile,
    size: shared.size,
    tile: shared.tile,
    overlap: shared.overlap,
    adapter: shared.adapter,
    ...commonOptions,
  },
  details:
    "IN holds one latent as for upscale. A decoder takes z; without --latent-scale, IN is in the scale that its metadata say (latent_scale), and in the decoder's where they say nothing. OUT has 8 bits per channel; PNG, WebP, TIFF and AVIF without loss, JPEG with quality 95. It is written whole or not at all.",
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const [input = ''] = parsed.positionals;
  const out = parsed.required('out');
  const options = readVaeOptions(parsed);
  const size = parseSize(parsed.text('size'));
  const watch = new Stopwatch();
  imageFormatOf(out);
  await checkOutput(out, [input, options.path]);
  const latent = await watch.time('input', () => readLatent(input, size));
  const scale = scaleOf(parsed.text('latent-scale'), latent, input, output);

  const opening = watch.start('open');
  const { image, ...report } = await withDevice(parsed.text('adapter'), context, async (device) => {
    opening.stop();
    using vae = await watch.time('load', () => HostVae.open(device, options, ['decoder'], context));
    const { shape } = latent;
    requireDecodable(vae.network, latent, input, output);
    const data = forDecoder(latent.data, shape, scale, vae.network.profile);
    const image = await watch.time('decode', () => vae.decode({ data, shape }));
    const { adapter } = device;
    return { image, adapter, vae: vae.describe(), peakBytes: device.memory().peak };
  });

  signal.throwIfAborted();
  await watch.time('write', () => writeImage(out, image));
  const ms = watch.report();
  output.result({
    ...report,
    input: { path: input, dtype: latent.dtype, shape: latent.shape, packedShape: latent.packedShape ?? null },
    output: { path: out, pixels: [image.height, image.width] },
    latentScale: scale,
    ms,
  });
  output.print(`${out}: ${sizeText(image)} of the latent [${latent.shape.join(', ')}]`);
  output.print(
    `${ms.decode?.toFixed(0)} ms on ${report.adapter.name}; ${mebibytes(report.peakBytes)} of GPU memory at the peak`,
  );
  return 0;
}

export const decode: Command = { spec, run };
