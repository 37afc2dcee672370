import { presetNames, pretrainedNetworks, writeImage } from '@lua-webgpu/lua-model';
import { encodeSafetensors, type FloatFileDtype, fromFloat32, writeFileAtomic } from '@lua-webgpu/tensor';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { mebibytes, Stopwatch, withDevice } from '../device.ts';
import { checkOutput, parseSize } from '../latent-file.ts';
import type { LatentScale } from '../latent-scale.ts';
import { fromZeroUp } from '../numbers.ts';
import { shared } from '../options.ts';
import { sizeText } from '../photos.ts';
import { type GpuWork, writeTrace } from '../trace.ts';
import { checkJob, makesPicture, readSources, type UpscaleJob, type UpscaleSources } from '../upscale-job.ts';
import { runUpscale, type UpscaleResult, type UpscaleRun } from '../upscale-run.ts';
import { storedDtype } from '../upscaling.ts';
import { packageVersion } from '../version.ts';

const spec = {
  name: 'upscale',
  summary: 'upscale a latent or a photo ×2 or ×4',
  positionals: ['IN'],
  options: {
    scale: { type: 'string', choices: ['2', '4'], about: 'output side / input side', required: true },
    out: {
      type: 'string',
      placeholder: 'OUT',
      about:
        'where the result goes: .safetensors for the latent; .png, .jpg, .webp, .tiff or .avif for a picture',
      required: true,
    },
    weights: {
      type: 'string',
      placeholder: 'FILE',
      about: `the model, .safetensors or .pth; or ${pretrainedNetworks.join(', ')}, which come with the package`,
    },
    config: {
      type: 'string',
      placeholder: 'FILE',
      about:
        'its configuration, JSON; default: the metadata of the weights, the .json beside them, or what names and shapes tell',
    },
    preset: {
      type: 'string',
      choices: presetNames,
      about: 'a configuration by name; without --weights an untrained model, to try things out',
    },
    tile: {
      ...shared.tile,
      about:
        'side of a tile in latent pixels, a multiple of the window; default: no tiles where memory allows',
    },
    overlap: {
      ...shared.overlap,
      about: 'pixels that a tile reads beyond its side, a multiple of the window; default: two windows',
    },
    bound: {
      type: 'string',
      placeholder: 'SHARE',
      about:
        'keep each channel within the range of IN, widened by this share of it (0.25): for latents unlike those of the training; default: no bound',
    },
    vae: { ...shared.vae, about: `where IN or OUT is a picture, ${shared.vae.about}` },
    compare: {
      type: 'string',
      placeholder: 'FILE.png',
      about:
        'also write a picture of the input resized, the latent resized and decoded, and the result, side by side',
    },
    original: {
      type: 'string',
      placeholder: 'PHOTO',
      about: 'with --compare: what the result should look like, to measure PSNR against',
    },
    'latent-scale': {
      ...shared.latentScale,
      about: 'the scale that IN is in; diffusion is converted for the model and back for OUT, see below',
    },
    'model-scale': { ...shared.modelScale, about: `${shared.modelScale.about}, see below` },
    profile: shared.profile,
    size: shared.size,
    'max-pixels': shared.maxPixels,
    trace: shared.trace,
    adapter: shared.adapter,
    ...commonOptions,
  },
  details: `IN is a latent: a file that holds it as a tensor named latent, or as its only one of this kind, [B, C, h, w] or FLUX's packed [B, h·w/4, 64]. Or it is a photo (.png, .jpg, .webp, .tiff, .avif), which --vae encodes; sides that are no multiple of 8 are cropped at the right and at the bottom. OUT holds latent, always [B, C, s·h, s·w], as F32, or as F16 or BF16 where IN is. Its metadata say scale, profile, latent_scale, weights (name), weights_sha256 and version, and keep source, author and licence of IN. Or OUT is a picture, which --vae decodes. OUT is written whole or not at all.

Scales of latents: a VAE decoder takes z, a diffusion model works on (z − shift) · factor. Models take decoder-ready latents unless their makers say otherwise. Without --latent-scale nothing is converted: the model gets what IN holds; of a photo, the decoder-ready latent. With --latent-scale diffusion and a --profile, IN is brought to the decoder's scale for the model and the result back. With --model-scale the model gets that scale, whatever scale IN is in. A latent OUT is in the scale of IN in every case, and its metadata say which (latent_scale; unspecified where nothing tells). For a picture the result is brought to the decoder's scale where it is in the diffusion scale.`,
} satisfies CommandSpec;

function readJob(parsed: Parsed): UpscaleJob {
  return {
    input: parsed.positionals[0] ?? '',
    out: parsed.required('out'),
    scale: Number(parsed.required('scale')),
    weights: parsed.text('weights'),
    config: parsed.text('config'),
    preset: parsed.text('preset'),
    tile: parsed.count('tile'),
    overlap: parsed.count('overlap'),
    bound: fromZeroUp(parsed, 'bound'),
    vae: parsed.text('vae'),
    compare: parsed.text('compare'),
    original: parsed.text('original'),
    latentScale: parsed.text('latent-scale'),
    modelScale: parsed.text('model-scale'),
    profile: parsed.text('profile'),
    size: parseSize(parsed.text('size')),
    maxPixels: parsed.count('max-pixels'),
  };
}

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const job = readJob(parsed);
  const watch = new Stopwatch();
  const trace = parsed.text('trace');
  await checkJob(job);
  if (trace !== undefined) await checkOutput(trace, [job.input, job.weights, job.config, job.original]);
  const sources = await watch.time('input', () => readSources(job, output));

  const opening = watch.start('open');
  const result = await withDevice(parsed.text('adapter'), context, (device) => {
    opening.stop();
    const upscaling = { device, job, context, watch };
    return trace === undefined ? runUpscale(upscaling, sources) : runTraced(trace, upscaling, sources);
  });

  signal.throwIfAborted();
  const { latent, upscaled, pictures, scale, weights, adapter, peakBytes } = result;
  const picture = makesPicture(job) ? pictures?.picture : undefined;
  const dtype = picture ? null : storedDtype(latent.dtype, upscaled.data, output);
  await watch.time('write', async () => {
    if (dtype) await writeLatent(job, result, dtype);
    else if (picture) await writeImage(job.out, picture);
    if (job.compare && pictures?.comparison) await writeImage(job.compare, pictures.comparison.strip);
  });

  const ms = watch.report();
  const psnr = pictures?.comparison?.psnr ?? null;
  output.result({
    adapter,
    input: {
      path: job.input,
      pixels: pixelsOf(result.photo),
      dtype: result.photo ? null : latent.dtype,
      shape: latent.shape,
      packedShape: latent.packedShape ?? null,
    },
    output: { path: job.out, pixels: pixelsOf(picture), dtype, shape: upscaled.shape },
    scale: job.scale,
    profile: scale.profile?.name ?? null,
    latentScale: scale.name,
    weights,
    vae: result.vae,
    compare: job.compare === undefined ? null : { path: job.compare, psnr },
    ms,
    peakBytes,
  });
  const from = result.photo ? sizeText(result.photo) : `[${latent.shape.join(', ')}]`;
  const made = picture ? sizeText(picture) : `latent ${dtype} [${upscaled.shape.join(', ')}]`;
  output.print(`${job.out}: ${made}, ×${job.scale} of ${from}`);
  if (job.compare !== undefined) output.print(`${job.compare}: the comparison`);
  for (const [name, value] of Object.entries(psnr ?? {})) output.print(`  ${name}: ${value.toFixed(2)} dB`);
  output.print(
    `${ms.upscale?.toFixed(0)} ms on ${adapter.name}; ${mebibytes(peakBytes)} of GPU memory at the peak`,
  );
  return 0;
}

/** As `runUpscale`, and writes when the GPU did what. */
async function runTraced(
  path: string,
  upscaling: UpscaleRun,
  sources: UpscaleSources,
): Promise<UpscaleResult> {
  const begin = performance.now();
  let result: UpscaleResult | undefined;
  const passes = await upscaling.device.trace(async () => {
    result = await runUpscale(upscaling, sources);
  });
  const work: GpuWork = { begin, passes };
  await writeTrace(path, upscaling.watch.phases(), [work]);
  return result as UpscaleResult;
}

function pixelsOf(image: { readonly width: number; readonly height: number } | undefined) {
  return image ? [image.height, image.width] : null;
}

async function writeLatent(
  { out, scale }: UpscaleJob,
  { latent, upscaled: { data, shape }, scale: settled, weights }: UpscaleResult,
  dtype: FloatFileDtype,
): Promise<void> {
  const metadata = metadataOf(latent.metadata, scale, settled, weights);
  const tensor = fromFloat32(data, shape, dtype);
  await writeFileAtomic(out, encodeSafetensors(new Map([['latent', tensor]]), metadata));
}

/** What goes with a latent to whatever is made of it. */
const attribution = ['source', 'author', 'licence', 'license'];

function metadataOf(
  input: ReadonlyMap<string, string>,
  scale: number,
  { profile, name }: LatentScale,
  weights: { readonly name: string; readonly sha256: string | null },
): Map<string, string> {
  return new Map([
    ...[...input].filter(([key]) => attribution.includes(key)),
    ['scale', String(scale)],
    ...(profile ? ([['profile', profile.name]] as const) : []),
    ['latent_scale', name],
    ['weights', weights.name],
    ...(weights.sha256 === null ? [] : ([['weights_sha256', weights.sha256]] as const)),
    ['version', `lua-webgpu ${packageVersion()}`],
  ]);
}

export const upscale: Command = { spec, run };
