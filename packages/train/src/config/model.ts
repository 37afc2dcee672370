import {
  closest,
  configToJson,
  isPresetName,
  type LuaConfig,
  type Problem,
  parseConfig,
  preset,
  presetNames,
  shown,
} from '@lua-webgpu/lua-model';

/**
 * The network of a `model` block: either a whole configuration as `parseConfig` takes it, or a `preset` with the fields
 * that differ. Beside these, `scales` says which heads there are; every head has as many channels as the input.
 *
 * @param source what errors call the block
 * @throws FileError `config-…` as `parseConfig`
 */
export function resolveModel(
  model: Readonly<Record<string, unknown>>,
  source: string,
): LuaConfig | readonly Problem[] {
  const { preset: name, scales, ...own } = model;
  if (name === undefined && scales === undefined) return parseConfig(own, source);
  const problems: Problem[] = [];
  if (typeof name !== 'string' || !isPresetName(name)) {
    const guess = typeof name === 'string' ? closest(name, presetNames) : undefined;
    problems.push({
      code: name === undefined ? 'config-missing' : 'config-range',
      message:
        name === undefined
          ? 'model.scales stands without a preset, which it belongs to'
          : `model.preset is ${shown(name)}, expected one of ${presetNames.join(', ')}`,
      fix:
        guess === undefined
          ? 'Name a preset, or give the whole configuration with its heads.'
          : `Write ${guess}.`,
      path: ['model', name === undefined ? 'scales' : 'preset'],
    });
  }
  if (
    scales !== undefined &&
    !(Array.isArray(scales) && scales.length > 0 && scales.every(Number.isInteger))
  ) {
    problems.push({
      code: 'config-type',
      message: `model.scales is ${shown(scales)}, expected a list of scales, for instance [2, 4]`,
      fix: 'Make it a list.',
      path: ['model', 'scales'],
    });
  }
  if (problems.length > 0) return problems;
  const { heads: _heads, ...base } = configToJson(preset(name as (typeof presetNames)[number]));
  const { in_chans = base.in_chans } = own;
  const heads = ((scales as number[] | undefined) ?? [2, 4]).map((scale) => ({
    name: `x${scale}`,
    scale,
    out_chans: in_chans,
  }));
  return parseConfig({ ...base, heads, ...own }, source);
}
