/**
 * The rules about who may import whom, checked on every source file of the packages:
 * - packages depend on each other in one direction only, by name, and say so in their package.json;
 * - a folder with an index.ts is closed: files outside it import its index.ts and nothing else of it;
 * - no file imports itself through others, type-only imports excepted.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const order = ['kernels', 'tensor', 'lua-model', 'train', 'cli'];
const arrows = order.join(' ← ');

/** Source by path from the repository's root, with `/`: every .ts file of the packages' src, every package.json. */
type Tree = ReadonlyMap<string, string>;

interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly typeOnly: boolean;
}

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly imports?: Readonly<Record<string, unknown>>;
}

interface Package extends Manifest {
  /** The folder's name, which stands in `order`. */
  readonly folder: string;
}

/** Static and dynamic imports, re-exports, `import =`, `require`, `import('…')` types; not computed names. */
function importsOf(path: string, source: string): Import[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest);
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean) => {
    if (!node || !ts.isStringLiteralLike(node)) return;
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    found.push({ specifier: node.text, line: line + 1, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      // `import { type A }` counts as a value import: under verbatimModuleSyntax the file is still loaded.
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportEqualsDeclaration(node)) {
      const { moduleReference: reference } = node;
      add(ts.isExternalModuleReference(reference) ? reference.expression : undefined, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node)) {
      const { expression: callee } = node;
      const loads =
        callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
      if (loads) add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** The sentences about everything in the tree that breaks a rule; empty when all is well. */
function violations(tree: Tree): string[] {
  const out: string[] = [];
  const packages = readPackages(tree, out);
  const byName = new Map([...packages.values()].map((each) => [each.name, each]));
  const graph = new Map<string, string[]>();
  for (const [path, source] of tree) {
    const from = packages.get(packageFolder(path));
    if (!path.endsWith('.ts') || !from) continue;
    const edges: string[] = [];
    graph.set(path, edges);
    for (const found of importsOf(path, source)) {
      const say = (what: string) => out.push(`${path}:${found.line} imports '${found.specifier}': ${what}`);
      const other = byName.get(found.specifier.split('/', found.specifier.startsWith('@') ? 2 : 1).join('/'));
      if (other) checkPackageImport(from, other, found.specifier, say);
      else if (found.specifier.startsWith('@lua-webgpu/')) say('there is no package of this name');
      for (const target of targets(path, from, found.specifier, say)) {
        if (!tree.has(target)) {
          // Written by the build, so that it may be absent; the type check sees to it.
          if (!target.endsWith('.generated.ts')) say(`there is no source file ${target}`);
          continue;
        }
        const closed = closedFolder(tree, path, target);
        if (closed) say(`the folder ${closed} is closed by its index.ts, import that`);
        if (!found.typeOnly) edges.push(target);
      }
    }
  }
  for (const cycle of cycles(graph)) out.push(`import cycle: ${cycle.join(' → ')}`);
  return out;
}

function packageFolder(path: string): string {
  return /^packages\/([^/]+)\//.exec(path)?.[1] ?? '';
}

function readPackages(tree: Tree, out: string[]): Map<string, Package> {
  const packages = new Map<string, Package>();
  for (const path of tree.keys()) {
    const folder = packageFolder(path);
    if (packages.has(folder)) continue;
    const manifest = tree.get(`packages/${folder}/package.json`);
    if (!order.includes(folder)) out.push(`packages/${folder} has no place in the order ${arrows}`);
    if (manifest === undefined) out.push(`packages/${folder} has no package.json`);
    packages.set(folder, { ...(JSON.parse(manifest ?? '{"name":""}') as Manifest), folder });
  }
  return packages;
}

function checkPackageImport(
  from: Package,
  to: Package,
  specifier: string,
  say: (what: string) => void,
): void {
  if (to.folder === from.folder) {
    say('a package imports its own files by relative paths');
    return;
  }
  if (order.indexOf(to.folder) >= order.indexOf(from.folder)) {
    say(`${from.folder} must not depend on ${to.folder} (${arrows})`);
  }
  if (!Object.hasOwn(from.dependencies ?? {}, to.name)) {
    say(`packages/${from.folder}/package.json does not list ${to.name} in its dependencies`);
  }
  const entry = `.${specifier.slice(to.name.length)}`;
  if (!Object.hasOwn(to.exports ?? { '.': '' }, entry)) {
    say(`packages/${to.folder}/package.json does not export '${entry}'`);
  }
}

/** The source files of its own package that an import loads. */
function targets(path: string, from: Package, specifier: string, say: (what: string) => void): string[] {
  const root = `packages/${from.folder}`;
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    if (target.startsWith(`${root}/`)) return target.endsWith('.json') ? [] : [target];
    say(`the path leaves packages/${from.folder}; other packages are imported by name (${arrows})`);
  } else if (specifier.startsWith('#')) {
    const entry = from.imports?.[specifier];
    if (entry !== undefined) {
      return [...new Set(leaves(entry).map((leaf) => posix.join(root, sourceOf(leaf))))];
    }
    say(`packages/${from.folder}/package.json has no such entry in its imports`);
  }
  return [];
}

/** The paths under the conditions of an entry of package.json's `imports`. */
function leaves(entry: unknown): string[] {
  if (typeof entry === 'string') return [entry];
  return entry && typeof entry === 'object' ? Object.values(entry).flatMap(leaves) : [];
}

function sourceOf(built: string): string {
  return built.replace(/^\.\/dist\/(.*)\.js$/, './src/$1.ts');
}

/** The outermost closed folder that holds `target` but not `path`, unless `target` is its index.ts. */
function closedFolder(tree: Tree, path: string, target: string): string | undefined {
  const parts = target.split('/');
  return parts
    .map((_, depth) => parts.slice(0, depth).join('/'))
    .find((folder) => {
      const index = `${folder}/index.ts`;
      return target !== index && !path.startsWith(`${folder}/`) && tree.has(index);
    });
}

/** One cycle for each import that closes one on a walk through the graph, first file repeated at the end. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const trail: string[] = [];
  const done = new Set<string>();
  const walk = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path]);
    if (start >= 0 || done.has(path)) return;
    trail.push(path);
    for (const next of new Set(graph.get(path))) walk(next);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) walk(path);
  return found;
}

function readTree(): Tree {
  const root = fileURLToPath(new URL('../../packages/', import.meta.url));
  const tree = new Map<string, string>();
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name: folder } of folders) {
    const sources = readdirSync(`${root}${folder}/src`, { recursive: true, encoding: 'utf8' });
    const paths = sources
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `src/${path.split(sep).join('/')}`);
    for (const path of ['package.json', ...paths]) {
      tree.set(`packages/${folder}/${path}`, readFileSync(`${root}${folder}/${path}`, 'utf8'));
    }
  }
  return tree;
}

describe('the packages', () => {
  const tree = readTree();
  it('were all read', () => {
    const read = [...tree.keys()];
    for (const folder of order) expect(read).toContain(`packages/${folder}/src/index.ts`);
  });
  it('keep the rules about imports', () => {
    expect(violations(tree)).toEqual([]);
  });
});

/**
 * The five packages, each depending on all those below it, with these files, written `path: text`.
 * `kernels/f/a` stands for packages/kernels/src/f/a.ts.
 */
function sample(files: readonly string[]): Tree {
  const nameOf = (folder: string) => (folder === 'cli' ? 'lua-webgpu' : `@lua-webgpu/${folder}`);
  const tree = new Map<string, string>();
  order.forEach((folder, i) => {
    const dependencies = Object.fromEntries(order.slice(0, i).map((below) => [nameOf(below), '1']));
    const imports = { '#platform': { source: './src/io/node.ts', default: './dist/io/web.js' } };
    const manifest = { name: nameOf(folder), exports: { '.': './dist/index.js' }, dependencies, imports };
    tree.set(`packages/${folder}/package.json`, JSON.stringify(manifest));
  });
  for (const file of files) {
    const [, folder, rest = '', text = ''] = /^([^/]+)\/([^:]+): ?(.*)$/s.exec(file) ?? [];
    tree.set(`packages/${folder}/${rest.endsWith('.json') ? rest : `src/${rest}.ts`}`, text);
  }
  return tree;
}

describe('allowed', () => {
  const table: [name: string, ...files: string[]][] = [
    ['no files'],
    ['packages below', `cli/a: import '@lua-webgpu/kernels'; export * from '@lua-webgpu/tensor';`],
    ['other packages and Node', `cli/a: import fs from 'node:fs'; import ts from 'typescript';`],
    ['the index of a folder', `cli/index: export * from './f/index.ts';`, 'cli/f/index:'],
    ['the index of a folder beside', `cli/e/a: import '../f/index.ts';`, 'cli/f/index:'],
    ['the index of a folder in the own one', `cli/f/index: import './g/index.ts'`, 'cli/f/g/index:'],
    ['own files, from the index', `cli/f/index: export * from './a.ts';`, 'cli/f/a:'],
    [
      'files of the closed folder above',
      `cli/f/g/a: import '../a.ts'; import './b.ts';`,
      'cli/f/index:',
      'cli/f/a:',
      'cli/f/g/b:',
    ],
    ['files of a folder without an index', `cli/a: import './open/c.ts';`, 'cli/index:', 'cli/open/c:'],
    ['a cycle of types', `cli/a: import type { B } from './b.ts';`, `cli/b: import './a.ts';`],
    ['a cycle of type re-exports', `cli/a: export type * from './b.ts';`, `cli/b: import './a.ts';`],
    ['a cycle of import types', `cli/a: let x: import('./b.ts').T;`, `cli/b: import './a.ts';`],
    ['a diamond', `cli/a: import './b.ts'; import './c.ts'`, `cli/b: import './c.ts'`, 'cli/c:'],
    ['imports in comments and strings', `cli/a: // import './x.ts'\nconst s = "import '../y.ts'";`],
    ['a generated file before it is generated', `kernels/a: import './shaders.generated.ts';`],
    ['an entry of the manifest', `kernels/a: import '#platform';`, 'kernels/io/node:', 'kernels/io/web:'],
  ];
  it.each(table)('%s', (_name, ...files) => {
    expect(violations(sample(files))).toEqual([]);
  });
});

describe('caught', () => {
  const above = /tensor must not depend on train/;
  const closed = /the folder packages\/cli\/src\/f is closed/;
  const folder = ['cli/f/index:', 'cli/f/a:', 'cli/f/g/index:', 'cli/f/g/b:', 'cli/f/open/c:'];
  const bare = 'cli/package.json: {"name":"lua-webgpu","devDependencies":{"@lua-webgpu/tensor":"1"}}';
  const table: [name: string, message: RegExp, ...files: string[]][] = [
    ['an import', above, `tensor/a: import '@lua-webgpu/train';`],
    ['an import of a type', above, `tensor/a: import type { T } from '@lua-webgpu/train';`],
    ['a re-export', above, `tensor/a: export { x } from '@lua-webgpu/train';`],
    ['a dynamic import', above, `tensor/a: async () => await import('@lua-webgpu/train');`],
    ['a dynamic import of a template', above, 'tensor/a: import(`@lua-webgpu/train`);'],
    ['an import type', above, `tensor/a: let x: typeof import('@lua-webgpu/train');`],
    ['import =', above, `tensor/a: import x = require('@lua-webgpu/train');`],
    ['require', above, `tensor/a: require('@lua-webgpu/train');`],
    ['the command', /train must not depend on cli/, `train/a: import 'lua-webgpu';`],
    ['a path to a package above', /leaves packages\/kernels/, `kernels/a: import '../../tensor/src/b.ts';`],
    ['a path to a package below', /leaves packages\/cli/, `cli/a: export * from '../../train/src/b.ts';`],
    ['a path out of the packages', /leaves packages\/cli/, `cli/a: import('../../../test/b.ts');`],
    ['a path behind a name', /not export '\.\/src\/b\.ts'/, `cli/a: import '@lua-webgpu/train/src/b.ts';`],
    ['its own name', /own files by relative paths/, `train/a: import '@lua-webgpu/train';`],
    ['a wrong name', /no package of this name/, `cli/a: import '@lua-webgpu/kernel';`],
    [
      'a package without a place',
      /packages\/extra has no place/,
      'extra/a:',
      'extra/package.json: {"name":"extra"}',
    ],
    ['a package without a manifest', /packages\/extra has no package\.json/, 'extra/a:'],
    ['no dependency', /does not list @lua-webgpu\/tensor/, bare, `cli/a: import '@lua-webgpu/tensor';`],
    [
      'no dependency for a type',
      /does not list/,
      bare,
      `cli/a: import type { T } from '@lua-webgpu/tensor';`,
    ],
    ['a missing file', /no source file packages\/cli\/src\/b\.ts/, `cli/a: import './b.ts';`],
    [
      'the built name of a file',
      /no source file packages\/cli\/src\/b\.js/,
      `cli/a: import './b.js';`,
      'cli/b:',
    ],
    ['an unknown entry of the manifest', /no such entry/, `cli/a: import '#nothing';`],
    ['a file of a closed folder', closed, `cli/b: import './f/a.ts';`, ...folder],
    ['a type of a closed folder', closed, `cli/e/b: import type { T } from '../f/a.ts';`, ...folder],
    ['from a folder whose name begins alike', closed, `cli/ff/b: import '../f/a.ts';`, ...folder],
    ['an index inside a closed folder', closed, `cli/b: import './f/g/index.ts';`, ...folder],
    ['an open folder in a closed one', closed, `cli/b: import './f/open/c.ts';`, ...folder],
    ['a closed folder below', /src\/f\/g is closed/, `cli/f/c: import './g/b.ts';`, ...folder],
    [
      'itself',
      /^import cycle: packages\/cli\/src\/a\.ts → packages\/cli\/src\/a\.ts$/,
      `cli/a: import './a.ts';`,
    ],
    [
      'a cycle of three',
      /^import cycle: \S+a\.ts → \S+b\.ts → \S+c\.ts → \S+a\.ts$/,
      `cli/a: import './b.ts';`,
      `cli/b: export * from './c.ts';`,
      `cli/c: import('./a.ts');`,
    ],
    [
      'a cycle behind its entrance',
      /^import cycle: \S+b\.ts → \S+c\.ts → \S+b\.ts$/,
      `cli/a: import './b.ts';`,
      `cli/b: import './c.ts';`,
      `cli/c: import './b.ts';`,
    ],
    [
      'a cycle of loaded types',
      /^import cycle/,
      `cli/a: import { type B } from './b.ts';`,
      `cli/b: import './a.ts';`,
    ],
    [
      'a cycle through the manifest',
      /^import cycle/,
      `cli/io/web: import '../b.ts';`,
      `cli/b: import '#platform';`,
    ],
  ];
  it.each(table)('%s', (_name, message, ...files) => {
    expect(violations(sample(files))).toContainEqual(expect.stringMatching(message));
  });
  it('with file, line and specifier, once', () => {
    const files = [`kernels/a: import './b.ts';\nimport {\n  x,\n} from '@lua-webgpu/tensor';`, 'kernels/b:'];
    expect(violations(sample(files)).filter((each) => each.includes('must not'))).toEqual([
      "packages/kernels/src/a.ts:4 imports '@lua-webgpu/tensor': kernels must not depend on tensor " +
        '(kernels ← tensor ← lua-model ← train ← cli)',
    ]);
  });
});
