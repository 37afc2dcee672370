import { FileError } from '@lua-webgpu/kernels';
import { closest } from '@lua-webgpu/lua-model';
import { type ConfigNode, entriesOf, nodeAt } from './node.ts';

/**
 * A configuration laid over the one that it extends: maps are merged key by key, everything else is replaced. In
 * `stages`, an entry that is a name stands for the base's stage of this name, and one with `extends: NAME` is laid over
 * it. A `model` with a preset is a whole network, so it replaces the base's.
 *
 * @throws FileError `config-extends` for a name that no stage of the base has
 */
export function extendConfig(base: ConfigNode, over: ConfigNode): ConfigNode {
  const own = new Map(entriesOf(over));
  own.delete('extends');
  const stages = own.get('stages');
  if (Array.isArray(stages?.value)) {
    const named = namedStages(base);
    own.set('stages', {
      place: stages.place,
      value: stages.value.map((stage) => extendStage(named, stage)),
    });
  }
  const below = nodeAt(over, ['model', 'preset']) ? without(base, 'model') : base;
  return merge(below, { place: over.place, value: own });
}

function without(node: ConfigNode, key: string): ConfigNode {
  const entries = new Map(entriesOf(node));
  entries.delete(key);
  return { place: node.place, value: entries };
}

function merge(base: ConfigNode, over: ConfigNode): ConfigNode {
  if (!(base.value instanceof Map && over.value instanceof Map)) return over;
  const merged = new Map(base.value);
  for (const [key, node] of over.value) {
    const before = merged.get(key);
    merged.set(key, before ? merge(before, node) : node);
  }
  return { place: over.place, value: merged };
}

function namedStages(base: ConfigNode): ReadonlyMap<string, ConfigNode> {
  const stages = nodeAt(base, ['stages'])?.value;
  const named = new Map<string, ConfigNode>();
  for (const stage of Array.isArray(stages) ? stages : []) {
    const name = nodeAt(stage, ['name'])?.value;
    if (typeof name === 'string') named.set(name, stage);
  }
  return named;
}

function extendStage(named: ReadonlyMap<string, ConfigNode>, stage: ConfigNode): ConfigNode {
  const name = typeof stage.value === 'string' ? stage : nodeAt(stage, ['extends']);
  if (typeof name?.value !== 'string') return stage;
  const base = named.get(name.value);
  if (!base) {
    const guess = closest(name.value, [...named.keys()]);
    throw new FileError(
      'config-extends',
      `${name.place}: no stage ${JSON.stringify(name.value)} is there to extend`,
      `${guess === undefined ? '' : `Did you mean ${guess}? `}The stages of the file that is extended are ${[...named.keys()].join(', ') || 'none'}.`,
    );
  }
  if (typeof stage.value === 'string') return base;
  const own = new Map(entriesOf(stage));
  own.delete('extends');
  return merge(base, { place: stage.place, value: own });
}
