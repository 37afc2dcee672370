import { FileError } from '@lua-webgpu/kernels';
import { type ConfigNode, nodeAt, type Path, parseNode, withNode } from './node.ts';

/**
 * A configuration with single values replaced. Each override is `path=value`: keys and indices from 0 joined by dots, and
 * a value in YAML (`stages.0.steps=10`, `stages.III.betas=[0.9, 0.99]`, `weights=null`). A stage may be called by name.
 *
 * @throws FileError `config-override`
 */
export function applyOverrides(config: ConfigNode, overrides: readonly string[]): ConfigNode {
  return overrides.reduce(applyOverride, config);
}

function applyOverride(config: ConfigNode, text: string): ConfigNode {
  const place = `--set ${text}`;
  const at = text.indexOf('=');
  const keys = at < 1 ? [] : text.slice(0, at).split('.');
  if (keys.length === 0 || keys.includes('')) {
    throw refused(place, 'it is no path=value', 'Write for instance --set stages.0.steps=1000.');
  }
  const path: PropertyKey[] = [];
  for (const key of keys) path.push(resolveKey(config, path, key, place));
  return withNode(config, path, placed(parseNode(text.slice(at + 1), place), place));
}

function resolveKey(config: ConfigNode, path: Path, key: string, place: string): PropertyKey {
  const parent = nodeAt(config, path)?.value;
  if (parent === undefined || parent === null || parent instanceof Map) return key;
  if (!Array.isArray(parent)) {
    throw refused(
      place,
      `${path.join('.')} is ${JSON.stringify(parent)}, which has no parts`,
      'Set it as a whole.',
    );
  }
  const named = parent.findIndex((item) => nodeAt(item, ['name'])?.value === key);
  const index = /^[0-9]+$/.test(key) ? Number(key) : named;
  if (index >= 0 && index < parent.length) return index;
  throw refused(
    place,
    `${path.join('.')} has ${parent.length} entries and none is ${JSON.stringify(key)}`,
    'Entries are counted from 0; stages may be called by name.',
  );
}

/** The node with one place throughout: a line of an option says nothing. */
function placed(node: ConfigNode, place: string): ConfigNode {
  const { value } = node;
  if (value instanceof Map) {
    return { place, value: new Map([...value].map(([key, inner]) => [key, placed(inner, place)])) };
  }
  return { place, value: Array.isArray(value) ? value.map((inner) => placed(inner, place)) : value };
}

function refused(place: string, what: string, fix: string): FileError {
  return new FileError('config-override', `${place}: ${what}`, fix);
}
