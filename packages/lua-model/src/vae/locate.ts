import { FileError } from '@lua-webgpu/kernels';
import { hubSnapshot, isHubId } from '../hub-cache.ts';
import type { VaePart } from './vae.ts';

/** Where a VAE lies. */
export interface VaeFiles {
  readonly weights: readonly string[];
  /** Path of diffusers' configuration. */
  readonly config: string | undefined;
  /** What the file, folder or repository is called, without folders and endings. */
  readonly name: string;
}

const endings = ['.safetensors', '.pth', '.pt', '.bin'];
const diffusersWeights = [
  'diffusion_pytorch_model.safetensors',
  'diffusion_pytorch_model.fp16.safetensors',
  'diffusion_pytorch_model.bin',
];

/**
 * Finds the files of a VAE: a weight file, one of `…_encoder` and `…_decoder` or what both begin with, a folder of diffusers
 * or of a pipeline with `vae/`, or the id of a repository in the local cache of the Hugging Face hub.
 *
 * @param parts what has to be there; undefined for what there is
 * @throws FileError `file-not-found`, `vae-folder`, `hub-not-cached`
 */
export async function locateVae(path: string, parts: readonly VaePart[] | undefined): Promise<VaeFiles> {
  const { basename, dirname, extname, join } = await import('node:path');
  const kind = await kindOf(path);
  if (kind === 'folder') return await inFolder(path, basename(path));
  if (kind === 'file') {
    const ending = extname(path);
    const stem = path.slice(0, path.length - ending.length);
    const prefix = stem.replace(/_(encoder|decoder)$/, '');
    if (prefix !== stem) return await inPair(prefix, [ending, ...endings], parts);
    const isDiffusers = diffusersWeights.includes(basename(path));
    const beside = join(dirname(path), 'config.json');
    const config = isDiffusers && (await kindOf(beside)) === 'file' ? beside : undefined;
    return { weights: [path], config, name: basename(stem) };
  }
  if (await firstFile(candidates(path, 'encoder', endings).concat(candidates(path, 'decoder', endings)))) {
    return await inPair(path, endings, parts);
  }
  if (isHubId(path)) return await inFolder(await hubSnapshot(path, process.env), basename(path));
  throw new FileError(
    'file-not-found',
    `${path} does not exist, nor do ${path}_encoder.safetensors and ${path}_decoder.safetensors`,
    'Pass a weight file, the common beginning of such a pair, a folder with config.json, or a Hugging Face id.',
  );
}

const candidates = (prefix: string, part: VaePart, allowed: readonly string[]) =>
  allowed.map((ending) => `${prefix}_${part}${ending}`);

async function inPair(
  prefix: string,
  allowed: readonly string[],
  parts: readonly VaePart[] | undefined,
): Promise<VaeFiles> {
  const { basename } = await import('node:path');
  const weights: string[] = [];
  for (const part of parts ?? (['encoder', 'decoder'] as const)) {
    const found = await firstFile(candidates(prefix, part, allowed));
    if (found !== undefined) weights.push(found);
    else if (parts) {
      throw new FileError(
        'file-not-found',
        `there is no ${prefix}_${part}${allowed[0]}, and the ${part} is asked for`,
        `Put it beside the other part, or leave ${part} out of { parts }.`,
      );
    }
  }
  return { weights, config: undefined, name: basename(prefix) };
}

async function inFolder(path: string, name: string): Promise<VaeFiles> {
  const { join } = await import('node:path');
  for (const folder of [join(path, 'vae'), path]) {
    const config = join(folder, 'config.json');
    if ((await kindOf(config)) !== 'file') continue;
    const weights = await firstFile(diffusersWeights.map((file) => join(folder, file)));
    if (weights !== undefined) return { weights: [weights], config, name };
    throw new FileError(
      'vae-folder',
      `${folder} has a config.json and none of ${diffusersWeights.join(', ')}`,
      'Download the weights too.',
    );
  }
  const { readdir } = await import('node:fs/promises');
  const pairs = (await readdir(path)).flatMap((file) => /^(.+)_(?:encoder|decoder)\./.exec(file)?.[1] ?? []);
  throw new FileError(
    'vae-folder',
    `${path} has neither config.json nor vae/config.json`,
    pairs[0] === undefined
      ? 'Pass the folder of a VAE or of a pipeline in the layout of diffusers, or a weight file.'
      : `Pass the beginning of a pair of files, for instance ${join(path, pairs[0])}.`,
  );
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await kindOf(path)) === 'file') return path;
  return undefined;
}

/** What lies at a path; a file for everything that is no folder, which then says what is wrong with it when it is read. */
async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const { stat } = await import('node:fs/promises');
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'file';
  }
}
