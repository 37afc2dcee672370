import { FileError } from '@lua-webgpu/kernels';
import { configToJson } from '@lua-webgpu/lua-model';
import { stringify } from 'yaml';
import { nodeAt, parseNode } from './node.ts';
import { applyOverrides } from './overrides.ts';
import { readConfig } from './read.ts';
import { resolveConfig } from './resolve.ts';
import type { TrainConfig } from './types.ts';

export interface TrainConfigOptions {
  /** `path=value` each, as `--set` takes them: `stages.0.steps=10`. */
  readonly set?: readonly string[] | undefined;
}

/**
 * Reads a configuration file and those that it extends, overrides what `set` says, and resolves the result.
 *
 * @param path of the file, or of a recipe that comes with the package (`recipes/tiny-cpu.yaml`)
 * @throws FileError `file-not-found`, `file-unreadable`, `config-yaml`, `config-extends`, `config-override`,
 * `config-version`, `config-unknown-key`, `config-missing`, `config-type`, `config-range`; messages begin with file and
 * line
 */
export async function loadTrainConfig(path: string, options: TrainConfigOptions = {}): Promise<TrainConfig> {
  return resolveConfig(applyOverrides(await readConfig(path), options.set ?? []));
}

/** As {@link loadTrainConfig}, for a text that extends nothing. `file` is what errors call it. */
export function parseTrainConfig(
  text: string,
  { file, set = [] }: TrainConfigOptions & { readonly file: string },
): TrainConfig {
  const node = parseNode(text, file);
  const extended = nodeAt(node, ['extends']);
  if (extended) {
    throw new FileError(
      'config-extends',
      `${extended.place}: a configuration that extends another is read from its file`,
      'Use loadTrainConfig(path).',
    );
  }
  return resolveConfig(applyOverrides(node, set));
}

/** The configuration as YAML, which {@link parseTrainConfig} reads back as the same. */
export function formatConfig(config: TrainConfig): string {
  const { version, name, seed, model, ...rest } = config;
  return stringify({ version, name, seed, model: configToJson(model), ...rest }, { lineWidth: 0 });
}
