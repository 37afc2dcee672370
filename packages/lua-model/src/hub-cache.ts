import { FileError } from '@lua-webgpu/kernels';

/** Whether a path can be the id of a repository on the Hugging Face hub: `org/name`. */
export function isHubId(path: string): boolean {
  return /^[\w.-]+\/[\w.-]+$/.test(path) && !/^\.{1,2}\//.test(path);
}

/**
 * The folder of a repository's `main` revision in the local cache of the Hugging Face hub. Nothing is downloaded.
 *
 * @throws FileError `hub-not-cached`, with the place that was looked at
 */
export async function hubSnapshot(
  id: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const { readFile, stat } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const repository = join(await hubCache(env), `models--${id.replace('/', '--')}`);
  const ref = join(repository, 'refs', 'main');
  try {
    const commit = (await readFile(ref, 'utf8')).trim();
    const snapshot = join(repository, 'snapshots', commit);
    await stat(snapshot);
    return snapshot;
  } catch (cause) {
    throw new FileError(
      'hub-not-cached',
      `${id} is neither a path nor in the cache of the Hugging Face hub: looked at ${ref}`,
      `Download it with \`hf download ${id}\`, or pass the path of a file or folder.`,
      { cause },
    );
  }
}

/**
 * The only weight file of a repository in the cache, for the id of one; every other path as it is.
 *
 * @throws FileError `hub-not-cached`, `hub-weights` where there is none or more than one
 */
export async function hubWeights(path: string): Promise<string> {
  const { readdir, stat } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  // A path whose ending is that of a weight file is meant as one, and is reported as missing.
  if (exists || !isHubId(path) || weightEnding.test(path)) return path;
  const snapshot = await hubSnapshot(path, process.env);
  const files = (await readdir(snapshot)).filter((file) => weightEnding.test(file));
  if (files.length === 1) return join(snapshot, files[0] as string);
  throw new FileError(
    'hub-weights',
    `${path} holds ${files.length === 0 ? 'no weight file' : files.join(', ')} in ${snapshot}`,
    'Pass the path of the weight file.',
  );
}

const weightEnding = /\.(safetensors|pth|pt)$/;

/** As huggingface_hub finds it. */
async function hubCache(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const { homedir } = await import('node:os');
  const { join } = await import('node:path');
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = env;
  const home = HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  return HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(home, 'hub');
}
