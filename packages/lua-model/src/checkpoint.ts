import { type Device, FileError } from '@lua-webgpu/kernels';
import { type FileTensor, readTensorFile, type WeightFile } from '@lua-webgpu/tensor';
import { guessConfig, type LuaConfig, parseConfigText } from './config/index.ts';
import { hubWeights } from './hub-cache.ts';
import { Lua } from './network/index.ts';

/** A network with weights from a seed, for tests and for training from scratch. */
export function createLua(device: Device, config: LuaConfig, { seed = 0 }: { seed?: number } = {}): Lua {
  const model = new Lua(config);
  model.initialize(device, seed);
  return model;
}

export interface LoadOptions {
  /** The configuration, or the path of its JSON file. */
  readonly config?: LuaConfig | string | undefined;
}

/**
 * Loads weights from a `.safetensors` or `.pth` file, the EMA where there is one (Node only).
 *
 * Without `config` the configuration is the safetensors metadata `config`, else a `.json` file of the same name
 * beside the weights, else what names and shapes of the tensors say.
 *
 * @param source a path, or the id `org/name` of a repository in the local cache of the Hugging Face hub that holds one
 * weight file
 * @throws FileError for files that are not what they should be, `hub-not-cached`, `hub-weights`
 * @throws ShapeError `state-dict-mismatch`
 */
export async function loadLua(device: Device, source: string, options: LoadOptions = {}): Promise<Lua> {
  const path = await hubWeights(source);
  const file = await readTensorFile(path);
  const config =
    typeof options.config === 'object'
      ? options.config
      : typeof options.config === 'string'
        ? parseConfigText(await readText(options.config), options.config)
        : await weightsConfig(path, file);
  return luaFromTensors(device, file.tensors, config);
}

/** As `loadLua`, of a file in memory; its configuration is in its metadata or follows from its tensors. */
export function luaFromFile(device: Device, file: WeightFile, source: string): Lua {
  const config = embeddedConfig(file, source) ?? guessConfig(file.tensors, source);
  return luaFromTensors(device, file.tensors, config);
}

function luaFromTensors(device: Device, tensors: ReadonlyMap<string, FileTensor>, config: LuaConfig): Lua {
  const model = new Lua(config);
  model.loadStateDict(device, tensors);
  return model;
}

/**
 * The configuration that `loadLua` finds for a file without being told: of its metadata, of the `.json` beside it, or guessed
 * from its tensors.
 * @throws FileError `config-…`
 */
export async function weightsConfig(path: string, file: WeightFile): Promise<LuaConfig> {
  const embedded = embeddedConfig(file, path);
  if (embedded !== undefined) return embedded;
  const beside = path.replace(/\.[^./\\]+$/, '.json');
  try {
    return parseConfigText(await readText(beside), beside);
  } catch (error) {
    if (!(error instanceof FileError && error.code === 'file-not-found')) throw error;
    return guessConfig(file.tensors, path);
  }
}

/** What the metadata of a weight file say; undefined where they say nothing. @throws FileError `config-…` */
export function embeddedConfig({ metadata }: WeightFile, source: string): LuaConfig | undefined {
  const text = metadata.get('config');
  return text === undefined ? undefined : parseConfigText(text, `${source} (metadata)`);
}

async function readText(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new FileError(
      missing ? 'file-not-found' : 'file-unreadable',
      `${path}: ${(cause as Error).message}`,
      missing ? 'Check the path.' : 'Check that it is a file and that you may read it.',
      { cause },
    );
  }
}
