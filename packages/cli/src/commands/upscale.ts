import { presetNames } from '@lua-webgpu/lua-model';
import { encodeSafetensors, fromFloat32, writeFileAtomic } from '@lua-webgpu/tensor';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { mebibytes, Stopwatch, withDevice } from '../device.ts';
import { checkOutput, parseSize, readLatent } from '../latent-file.ts';
import { type LatentScale, latentScale, profileNames } from '../latent-scale.ts';
import { checkModelOptions, type ModelSource, openModel } from '../model.ts';
import { storedDtype, upscaleOnDevice } from '../upscaling.ts';
import { packageVersion } from '../version.ts';

const spec = {
  name: 'upscale',
  summary: 'upscale a latent ×2 or ×4',
  positionals: ['IN.safetensors'],
  options: {
    scale: { type: 'string', choices: ['2', '4'], about: 'output side / input side', required: true },
    out: { type: 'string', placeholder: 'OUT.safetensors', about: 'where the result goes', required: true },
    weights: { type: 'string', placeholder: 'FILE', about: 'the model, .safetensors or .pth' },
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
      type: 'string',
      placeholder: 'N',
      about:
        'side of a tile in latent pixels, a multiple of the window; default: no tiles where memory allows',
    },
    overlap: {
      type: 'string',
      placeholder: 'N',
      about: 'pixels that a tile reads beyond its side, a multiple of the window; default: two windows',
    },
    'latent-scale': {
      type: 'string',
      choices: ['decoder', 'diffusion'],
      about: 'the scale that IN is in; diffusion is converted for the model and back for OUT, see below',
    },
    profile: { type: 'string', choices: profileNames, about: 'the VAE family that the latent belongs to' },
    size: {
      type: 'string',
      placeholder: 'HxW',
      about: 'size, in latent pixels, of a packed latent that is not square',
    },
    adapter: {
      type: 'string',
      placeholder: 'NAME',
      about: 'part of a name, or hardware, software, lavapipe, swiftshader; lua-webgpu doctor lists them',
    },
    ...commonOptions,
  },
  details: `IN holds the latent as a tensor named latent, or as its only one of this kind: [B, C, h, w], or FLUX's packed [B, h·w/4, 64]. OUT holds latent, always [B, C, s·h, s·w], as F32, or as F16 or BF16 where IN is. Its metadata say scale, profile, latent_scale, weights (name), weights_sha256 and version, and keep source, author and licence of IN. OUT is written whole or not at all.

Scales of latents: a VAE decoder takes z, a diffusion model works on (z − shift) · factor. Models take decoder-ready latents unless their makers say otherwise. Without --latent-scale nothing is converted: the model gets what IN holds. With --latent-scale diffusion and a --profile, IN is brought to the decoder's scale for the model and the result back. OUT is in the scale of IN either way, and its metadata say which (latent_scale; unspecified where nothing tells).`,
} satisfies CommandSpec;

interface Options extends ModelSource {
  readonly input: string;
  readonly out: string;
  readonly scale: number;
  readonly tile: number | undefined;
  readonly overlap: number | undefined;
  readonly latentScale: string | undefined;
  readonly profile: string | undefined;
  readonly size: readonly [number, number] | undefined;
  readonly adapter: string | undefined;
}

function readOptions(parsed: Parsed): Options {
  const options = {
    input: parsed.positionals[0] ?? '',
    out: parsed.required('out'),
    scale: Number(parsed.required('scale')),
    weights: parsed.text('weights'),
    config: parsed.text('config'),
    preset: parsed.text('preset'),
    tile: parsed.count('tile'),
    overlap: parsed.count('overlap'),
    latentScale: parsed.text('latent-scale'),
    profile: parsed.text('profile'),
    size: parseSize(parsed.text('size')),
    adapter: parsed.text('adapter'),
  };
  checkModelOptions(options);
  return options;
}

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const options = readOptions(parsed);
  const { input, out, scale, tile, overlap } = options;
  const watch = new Stopwatch();
  await checkOutput(out, [input, options.weights, options.config]);
  const latent = await watch.time('input', () => readLatent(input, options.size));
  const settled = latentScale(
    { scale: options.latentScale, profile: options.profile },
    latent,
    input,
    output,
  );

  const opening = watch.start('open');
  const { result, weights, adapter, peakBytes } = await withDevice(
    options.adapter,
    context,
    async (device) => {
      opening.stop();
      const { model, weights } = await watch.time('load', () =>
        openModel(device, options, latent.shape[1] ?? 0),
      );
      if (!weights.trained) {
        output.warn(
          `${weights.name}: this model is UNTRAINED and its output meaningless; --weights names a real one`,
        );
      }
      const values = { data: settled.toModel(latent), shape: latent.shape };
      const result = await upscaleOnDevice(
        device,
        model,
        values,
        { scale, tile, overlap, label: 'upscaling' },
        context,
        watch,
      );
      return { result, weights, adapter: device.adapter, peakBytes: device.memory().peak };
    },
  );

  signal.throwIfAborted();
  const { shape } = result;
  const data = settled.fromModel(result.data, shape);
  const dtype = storedDtype(latent.dtype, data, output);
  await watch.time('write', () => {
    const metadata = metadataOf(latent.metadata, scale, settled, weights);
    return writeFileAtomic(
      out,
      encodeSafetensors(new Map([['latent', fromFloat32(data, shape, dtype)]]), metadata),
    );
  });

  const ms = watch.report();
  output.result({
    adapter,
    input: { path: input, dtype: latent.dtype, shape: latent.shape, packedShape: latent.packedShape ?? null },
    output: { path: out, dtype, shape },
    scale,
    profile: settled.profile?.name ?? null,
    latentScale: settled.name,
    weights,
    ms,
    peakBytes,
  });
  output.print(`${out}: latent ${dtype} [${shape.join(', ')}], ×${scale} of [${latent.shape.join(', ')}]`);
  output.print(
    `${ms.upscale?.toFixed(0)} ms on ${adapter.name}; ${mebibytes(peakBytes)} of GPU memory at the peak`,
  );
  return 0;
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
