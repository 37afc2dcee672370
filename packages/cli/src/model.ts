import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Device, FileError } from '@lua-webgpu/kernels';
import {
  createLua,
  hubWeights,
  isPresetName,
  isPretrainedName,
  type Lua,
  type LuaConfig,
  loadLua,
  loadPretrained,
  parseConfigText,
  preset,
  presetNames,
  pretrainedEntry,
  pretrainedNetwork,
  pretrainedNetworks,
} from '@lua-webgpu/lua-model';
import { sha256OfFile } from '@lua-webgpu/tensor';
import { UsageError } from './errors.ts';

/** The options that name a model. */
export interface ModelSource {
  readonly weights: string | undefined;
  readonly config: string | undefined;
  readonly preset: string | undefined;
}

/** Where a model's values come from. */
export interface WeightsOrigin {
  /** File name of the weights, or what stands in their place. */
  readonly name: string;
  /** Of the weight file; null for an untrained model. */
  readonly sha256: string | null;
  readonly trained: boolean;
}

/**
 * Checks that the options name one model.
 * @throws UsageError `usage-model`
 */
export function checkModelOptions({ weights, config, preset: name }: ModelSource): void {
  if (config !== undefined && name !== undefined) {
    throw new UsageError(
      'usage-model',
      '--config and --preset both say what the network is',
      'Give one of them.',
    );
  }
  if (weights !== undefined && isPretrainedName(weights) && (config ?? name) !== undefined) {
    throw new UsageError(
      'usage-model',
      `the weights ${weights} bring their configuration`,
      'Leave --config and --preset out.',
    );
  }
  if (weights === undefined && config === undefined && name === undefined) {
    throw new UsageError(
      'usage-model',
      'nothing says which model to use',
      `Pass --weights FILE (.safetensors or .pth) or --weights ${pretrainedNetworks.join('|')}; or, to try things out with an untrained model, --preset ${presetNames.join('|')}.`,
    );
  }
}

/**
 * Loads the weights, of a file or those that come with the package, or makes the untrained model of seed 0.
 *
 * @param channels of the latent, for presets that take either kind
 * @throws FileError `safetensors-…`, `pth-…`, `config-…`, `file-…`, `hub-…`, `pretrained-…`, ShapeError `state-dict-mismatch`
 */
export async function openModel(
  device: Device,
  source: ModelSource,
  channels: number,
): Promise<{ model: Lua; weights: WeightsOrigin }> {
  const { weights } = source;
  if (weights !== undefined && isPretrainedName(weights)) {
    const { sha256 } = pretrainedEntry(weights);
    return {
      model: await loadPretrained(device, pretrainedNetwork(weights)),
      weights: { name: weights, sha256, trained: true },
    };
  }
  const config =
    source.config === undefined ? presetConfig(source.preset, channels) : await readConfig(source.config);
  if (weights !== undefined) {
    const path = await hubWeights(weights);
    return {
      model: await loadLua(device, path, { config }),
      weights: { name: basename(path), sha256: await sha256OfFile(path), trained: true },
    };
  }
  const from = source.preset === undefined ? basename(source.config ?? '') : `preset ${source.preset}`;
  const model = createLua(device, config as LuaConfig, { seed: 0 });
  return { model, weights: { name: `untrained (${from}, seed 0)`, sha256: null, trained: false } };
}

function presetConfig(name: string | undefined, channels: number): LuaConfig | undefined {
  if (name === undefined || !isPresetName(name)) return undefined;
  // Other numbers of channels are refused by the model itself, which says what it takes.
  return preset(name, { in_chans: channels === 4 ? 4 : 16 });
}

async function readConfig(path: string): Promise<LuaConfig> {
  try {
    return parseConfigText(await readFile(path, 'utf8'), path);
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw new FileError(
      'file-unreadable',
      `${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      'Check the path: --config names a JSON file.',
      { cause },
    );
  }
}
