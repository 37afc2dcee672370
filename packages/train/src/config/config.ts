import type { TrainConfig } from './types.ts';

export interface TrainConfigOptions {
  /** `path=value` each, as `--set` takes them: `stages.0.steps=10`. */
  readonly set?: readonly string[];
}

/**
 * Reads a configuration file and those that it extends, overrides what `set` says, and resolves the result.
 * @param path of the file, or the name of a recipe that comes with the package (`tiny-cpu`)
 */
export function loadTrainConfig(_path: string, _options: TrainConfigOptions = {}): Promise<TrainConfig> {
  return Promise.reject(new Error('not there yet'));
}

/** As {@link loadTrainConfig}, for a text that extends nothing. */
export function parseTrainConfig(
  _text: string,
  _options: TrainConfigOptions & { readonly file: string },
): TrainConfig {
  throw new Error('not there yet');
}

/** The resolved configuration as YAML that {@link parseTrainConfig} reads back as the same. */
export function formatConfig(_config: TrainConfig): string {
  throw new Error('not there yet');
}
