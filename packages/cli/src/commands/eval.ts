import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pretrainedNetworks } from '@lua-webgpu/lua-model';
import { writeFileAtomic } from '@lua-webgpu/tensor';
import { evaluatePhoto, markdownOf, type PhotoResult, plotOf, summarise } from '@lua-webgpu/train';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { withDevice } from '../device.ts';
import { UsageError } from '../errors.ts';
import { checkModelOptions, openModel } from '../model.ts';
import { shared } from '../options.ts';
import { listPhotos, readPhoto } from '../photos.ts';
import { HostVae, readVaeOptions } from '../vae.ts';

const spec = {
  name: 'eval',
  summary: 'measure an upscaler on photos, beside interpolation',
  positionals: [],
  options: {
    weights: {
      type: 'string',
      placeholder: 'FILE',
      about: `the model, .safetensors or .pth, or ${pretrainedNetworks.join(', ')}`,
      required: true,
    },
    config: {
      type: 'string',
      placeholder: 'FILE',
      about: 'its configuration, JSON, where the weights do not say it',
    },
    vae: { ...shared.vae, required: true },
    decoder: {
      type: 'string',
      placeholder: 'PATH',
      about: 'decode with this one in place of that of --vae: a file, or flux-tiny-decoder',
    },
    profile: shared.profile,
    'model-scale': { ...shared.modelScale, about: `${shared.modelScale.about}; default: decoder` },
    photos: {
      type: 'string',
      placeholder: 'PATH',
      multiple: true,
      required: true,
      about: 'a photo or a folder of them; may be given several times',
    },
    scale: { type: 'string', choices: ['2', '4'], about: 'output side / input side', required: true },
    crop: { type: 'string', placeholder: 'N', about: 'side of the centre crop in pixels; default: 512' },
    out: { type: 'string', placeholder: 'DIR', about: 'a folder for eval.json, eval.md and eval.svg' },
    'max-pixels': shared.maxPixels,
    adapter: shared.adapter,
    ...commonOptions,
  },
  details:
    'Of each photo the centre is cropped and made smaller by antialiased bicubic resampling, and both are encoded. The network and every baseline start from the small latent: the latent interpolated (bilinear, bicubic) and decoded; the small latent decoded and the pixels resized; and, as a reference that is no bound, the crop encoded and decoded. PSNR on 8-bit RGB without a border cut, SSIM on RGB and on the luma, beside the photo and beside the decoded latent of the photo; mean absolute difference of the latents; Wasserstein-1, Jensen–Shannon divergence and gap in variance between the values of the latents; seconds per image.',
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const scale = Number(parsed.required('scale'));
  const crop = parsed.count('crop') ?? 512;
  const modelScale = parsed.text('model-scale') === 'diffusion' ? 'diffusion' : 'decoder';
  const paths = await listPhotos(parsed.texts('photos'));
  const source = { weights: parsed.required('weights'), config: parsed.text('config'), preset: undefined };
  checkModelOptions(source);
  const evaluated = await withDevice(parsed.text('adapter'), context, async (device) => {
    const options = readVaeOptions(parsed);
    const decoderPath = parsed.text('decoder') ?? options.path;
    using encoder = await HostVae.open(device, options, ['encoder'], context);
    using vae = await HostVae.open(device, { ...options, path: decoderPath }, ['decoder'], context);
    checkSameFamily(encoder, vae);
    const { model, weights } = await openModel(device, source, vae.network.profile.channels);
    const settings = { scale, crop, modelScale, encoder: encoder.network } as const;
    const results: PhotoResult[] = [];
    for (const [done, path] of paths.entries()) {
      signal.throwIfAborted();
      output.progress('evaluating', done, paths.length);
      const { image } = await readPhoto(path, { maxPixels: parsed.count('max-pixels') }, output);
      const photo = { name: basename(path), image };
      results.push(await evaluatePhoto(device, model, vae.network, photo, settings));
    }
    return { results, weights, encoder: encoder.describe(), vae: vae.describe(), adapter: device.adapter };
  });

  const { results, ...about } = evaluated;
  const summary = summarise(results, scale);
  const photos = results.map(({ latents: _, ...rest }) => rest);
  const report = { ...about, crop, modelScale, ...summary, perPhoto: photos };
  const out = parsed.text('out');
  if (out !== undefined) await writeReports(out, report, markdownOf(summary), plotOf(summary));
  output.result(report);
  output.print(markdownOf(summary).trimEnd());
  output.print(`on ${about.adapter.name}`);
  return 0;
}

/** @throws UsageError `usage-vae` */
function checkSameFamily({ network: encoder }: HostVae, { network: decoder }: HostVae): void {
  if (encoder.profile.name === decoder.profile.name) return;
  throw new UsageError(
    'usage-vae',
    `--vae makes latents of ${encoder.profile.name}, --decoder takes those of ${decoder.profile.name}`,
    'Pass a decoder of the same family.',
  );
}

async function writeReports(folder: string, report: object, markdown: string, plot: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const encode = (text: string) => new TextEncoder().encode(text);
  await writeFileAtomic(join(folder, 'eval.json'), encode(`${JSON.stringify(report, undefined, 1)}\n`));
  await writeFileAtomic(join(folder, 'eval.md'), encode(markdown));
  await writeFileAtomic(join(folder, 'eval.svg'), encode(plot));
}

export const evaluate: Command = { spec, run };
