import { FileError } from '@lua-webgpu/kernels';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml';

/** A value of a configuration together with where it was written: `tiny.yaml:12`, or the option `--set …`. */
export interface ConfigNode {
  readonly place: string;
  readonly value: ConfigValue;
}

export type ConfigValue =
  | null
  | boolean
  | number
  | string
  | readonly ConfigNode[]
  | ReadonlyMap<string, ConfigNode>;

export type Path = readonly PropertyKey[];

/** Far beyond any configuration, and few enough that aliases of aliases cannot fill the memory. */
const MAX_NODES = 10_000;
const MAX_DEPTH = 32;

/**
 * Reads YAML 1.2 into nodes. Numbers with an exponent are numbers (`2e-4`), `yes` and `no` are words.
 *
 * @param file what places and errors call the text
 * @throws FileError `config-yaml` for text that is not one YAML document of maps with plain keys
 */
export function parseNode(text: string, file: string): ConfigNode {
  if (text.trimStart().startsWith('<')) throw notYaml(`${file}:1`, 'this is HTML or XML');
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number) => lines.linePos(offset).line;
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw notYaml(`${file}:${lineOf(problem.pos[0])}`, problem.message);
  let count = 0;
  const convert = (yaml: ParsedNode | null, offset: number, depth: number): ConfigNode => {
    const start = yaml?.range[0] ?? offset;
    const place = `${file}:${lineOf(start)}`;
    if (++count > MAX_NODES || depth > MAX_DEPTH) {
      throw notYaml(place, 'it is nested too deep, or its aliases unfold to too much');
    }
    if (isAlias(yaml)) {
      const target = yaml.resolve(document) as ParsedNode | undefined;
      if (!target) throw notYaml(place, `nothing is called &${yaml.source}`);
      return { place, value: convert(target, start, depth + 1).value };
    }
    if (isMap(yaml)) {
      const entries = yaml.items.map(({ key, value }): [string, ConfigNode] => {
        if (!isScalar(key) || typeof key.value === 'object') {
          throw notYaml(place, 'a key is no plain word');
        }
        const at = key.range?.[0] ?? start;
        const converted = convert(value as ParsedNode | null, at, depth + 1);
        // A nested block is looked for at its key, not at its first entry.
        return [String(key.value), { ...converted, place: `${file}:${lineOf(at)}` }];
      });
      return { place, value: new Map(entries) };
    }
    if (isSeq(yaml)) {
      return { place, value: yaml.items.map((item) => convert(item as ParsedNode | null, start, depth + 1)) };
    }
    const value = isScalar(yaml) ? yaml.value : null;
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value)) {
      throw notYaml(place, `${String(value)} is neither text, number, true, false nor null`);
    }
    return { place, value: value as null | string | number | boolean };
  };
  return convert(document.contents, 0, 0);
}

function notYaml(place: string, what: string): FileError {
  return new FileError(
    'config-yaml',
    `${place}: not a YAML configuration: ${what.replace(/\.$/, '')}`,
    'Give a YAML file; recipes/ has examples.',
  );
}

/** The node as plain objects, arrays and scalars. */
export function plain({ value }: ConfigNode): unknown {
  if (value instanceof Map) {
    const object: Record<string, unknown> = {};
    for (const [key, node] of value) {
      // Not an assignment: the key `__proto__` would set the prototype.
      Object.defineProperty(object, key, {
        value: plain(node),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return object;
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

/** The node that a path leads to. */
export function nodeAt(node: ConfigNode, path: Path): ConfigNode | undefined {
  return path.reduce<ConfigNode | undefined>((at, key) => at && child(at, key), node);
}

/** Where a path was written; for one that is not there, where its parent was. */
export function placeOf(node: ConfigNode, path: Path): string {
  let at = node;
  for (const key of path) {
    const next = child(at, key);
    if (!next) break;
    at = next;
  }
  return at.place;
}

function child({ value }: ConfigNode, key: PropertyKey): ConfigNode | undefined {
  if (value instanceof Map) return value.get(String(key));
  return Array.isArray(value) && typeof key === 'number' ? value[key] : undefined;
}

/** A map's entries; none for anything else. */
export function entriesOf(node: ConfigNode | undefined): ReadonlyMap<string, ConfigNode> {
  return node?.value instanceof Map ? node.value : new Map();
}

/** A copy in which `path` holds `replacement`; maps on the way are made where they lack or are null. */
export function withNode(node: ConfigNode, path: Path, replacement: ConfigNode): ConfigNode {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  const { place } = replacement;
  const inner = withNode(child(node, key) ?? { place, value: null }, rest, replacement);
  if (Array.isArray(node.value)) {
    return { place: node.place, value: node.value.map((item, i) => (i === key ? inner : item)) };
  }
  return { place: node.place, value: new Map([...entriesOf(node), [String(key), inner]]) };
}
