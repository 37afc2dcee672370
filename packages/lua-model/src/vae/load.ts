import { type Device, FileError } from '@lua-webgpu/kernels';
import { type FileTensor, indexTensorFile, type WeightIndex } from '@lua-webgpu/tensor';
import { otherKind } from '../config/index.ts';
import { parseVaeConfig, type VaeConfigFile } from './config-file.ts';
import { guessKl, guessTiny } from './guess.ts';
import { AutoencoderKL } from './kl/autoencoder-kl.ts';
import { locateVae } from './locate.ts';
import { partOfName, recogniseVae } from './names.ts';
import { chooseProfile } from './profile.ts';
import { AutoencoderTiny } from './tiny/autoencoder-tiny.ts';
import type { Vae, VaePart } from './vae.ts';

export interface VaeOptions {
  /** Name of the profile whose scale the latents have, where the files do not say it, or say it wrongly. */
  readonly profile?: string | undefined;
  /** What is needed: that alone is read, and has to be there. Default: what there is. */
  readonly parts?: readonly VaePart[] | undefined;
}

/**
 * Loads a VAE, frozen: no gradients of its weights are made before `vae.unfreeze()`. Node only.
 *
 * @param path a safetensors or `.pth` file with everything; `…_encoder` or `…_decoder` of a pair of files, or what both
 * begin with; a folder of diffusers with config.json, or of a pipeline with vae/; the id `org/name` of a repository that
 * lies in the local cache of the Hugging Face hub
 * @throws FileError `file-not-found`, `vae-folder`, `hub-not-cached`, `vae-unrecognised`, `vae-part`, `vae-profile`,
 * `config-*`, and those of `readTensorFile`
 * @throws ShapeError `attribute-profile`, `latent-channels`, `state-dict-mismatch`
 */
export async function loadVae(device: Device, path: string, options: VaeOptions = {}): Promise<Vae> {
  const { weights, config, name } = await locateVae(path, options.parts);
  const indices = await Promise.all(weights.map((file) => indexTensorFile(file)));
  const named = indices.map((index, i) => nameTensors(index, weights[i] as string));
  const stated = config === undefined ? undefined : parseVaeConfig(await readText(config), config);
  return await assemble(device, named, { ...options, stated, name, source: path });
}

/**
 * As `loadVae`, of tensors in memory under any of the names that are known there.
 *
 * @param options `config`: the text of diffusers' config.json; `name`: what the weights are called, which may tell the
 * profile
 */
export async function vaeFromTensors(
  device: Device,
  tensors: ReadonlyMap<string, FileTensor>,
  options: VaeOptions & { readonly config?: string; readonly name?: string } = {},
): Promise<Vae> {
  const { config, name = 'the VAE' } = options;
  const index: Pick<WeightIndex, 'entries' | 'read'> = {
    entries: tensors,
    read: async (names) => new Map(Array.from(names, (each) => [each, tensors.get(each) as FileTensor])),
  };
  const stated = config === undefined ? undefined : parseVaeConfig(config, `${name}, config`);
  return await assemble(device, [nameTensors(index, name)], { ...options, stated, name, source: name });
}

/** A source of tensors, with the name in it of each name in the module tree. */
interface NamedTensors {
  readonly kind: Vae['kind'];
  readonly index: Pick<WeightIndex, 'entries' | 'read'>;
  readonly names: ReadonlyMap<string, string>;
}

function nameTensors(index: NamedTensors['index'], source: string): NamedTensors {
  const raw = [...index.entries.keys()];
  const recognised = recogniseVae(raw);
  if (!recognised) {
    const kind = raw.some((name) => /(^|\.)residual_group\./.test(name))
      ? 'a LUA or SwinIR upscaler'
      : otherKind(raw);
    throw new FileError(
      'vae-unrecognised',
      `${source}: not the weights of a VAE${kind === undefined || kind === 'a VAE' ? '' : `; this looks like ${kind}`}`,
      'Pass those of an AutoencoderKL (Stable Diffusion, SDXL, SD3, FLUX.1) or of TAESD.',
    );
  }
  const names = new Map<string, string>();
  for (const each of raw) {
    const name = recognised.rename(each);
    if (name !== undefined) names.set(name, each);
  }
  return { kind: recognised.kind, index, names };
}

interface Assembly extends VaeOptions {
  readonly stated: VaeConfigFile | undefined;
  readonly name: string;
  readonly source: string;
}

async function assemble(device: Device, sources: readonly NamedTensors[], options: Assembly): Promise<Vae> {
  const vae = construct(sources, options);
  const tensors = new Map<string, FileTensor>();
  for (const { index, names } of sources) {
    const needed = [...names].filter(([name]) => vae.parts.includes(partOfName(name)));
    const values = await index.read(needed.map(([, raw]) => raw));
    for (const [name, raw] of needed) tensors.set(name, asLinear(name, values.get(raw) as FileTensor));
  }
  vae.loadStateDict(device, tensors);
  vae.freeze();
  return vae;
}

/** The network, without its weights yet. */
function construct(sources: readonly NamedTensors[], options: Assembly): Vae {
  const { stated, name, source } = options;
  const shapes = new Map(
    sources.flatMap(({ index, names }) =>
      [...names].map(([each, raw]) => [each, index.entries.get(raw)?.shape ?? []] as const),
    ),
  );
  const kinds = new Set([stated?.kind, ...sources.map(({ kind }) => kind)].filter((kind) => kind));
  if (kinds.size > 1) {
    throw new FileError(
      'vae-unrecognised',
      `${source}: the files belong to ${[...kinds].join(' and ')}`,
      'Pass files that belong together.',
    );
  }
  const parts = chooseParts([...shapes.keys()], options);
  const profile = (channels: number) =>
    chooseProfile({
      wanted: options.profile,
      factors: stated?.kind === 'AutoencoderKL' ? stated.factors : undefined,
      name,
      channels,
      source,
    });
  if (kinds.has('AutoencoderKL')) {
    const config = stated?.kind === 'AutoencoderKL' ? stated.config : guessKl(shapes, source);
    return new AutoencoderKL(config, profile(config.latent_channels), parts);
  }
  const config = stated?.kind === 'AutoencoderTiny' ? stated.config : guessTiny(shapes, source);
  return new AutoencoderTiny(config, profile(config.latentChannels), parts);
}

function chooseParts(names: readonly string[], { parts, source }: Assembly): readonly VaePart[] {
  const there = new Set(names.map(partOfName));
  const missing = parts?.find((part) => !there.has(part));
  if (missing === undefined)
    return parts ?? (['encoder', 'decoder'] as const).filter((part) => there.has(part));
  throw new FileError(
    'vae-part',
    `${source} holds no ${missing}`,
    `Leave ${missing} out of { parts }, or pass weights that hold it.`,
  );
}

/** The attention's projections are 1×1 convolutions in the original layout. */
function asLinear(name: string, tensor: FileTensor): FileTensor {
  const [out = 0, input = 0, ...kernel] = tensor.shape;
  const pointwise = kernel.length === 2 && kernel.every((side) => side === 1);
  return pointwise && /\.attentions\.\d+\.to_\w+(\.0)?\.weight$/.test(name)
    ? { ...tensor, shape: [out, input] }
    : tensor;
}

async function readText(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new FileError(
      'file-unreadable',
      `${path}: ${(cause as Error).message}`,
      'Check that you may read it.',
      { cause },
    );
  }
}
