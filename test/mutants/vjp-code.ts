import { dirname } from 'node:path';
import ts from 'typescript';

/** Code that gradients depend on, and the files whose vjps it is part of. */
export interface VjpCode {
  readonly node: ts.Node;
  readonly roots: ReadonlySet<string>;
}

/**
 * The `run` of every vjp (an object literal that has `saves` and `run`) and what it reaches in these files: functions
 * and values by name, and members of tables by the interface that declares them. Other ops, which it has through its
 * context, are not part of it; nor are references, tolerances, samples and refusals.
 * @param sources text by path, absolute or relative to one folder; what is imported from elsewhere is not followed
 */
export function vjpCode(sources: ReadonlyMap<string, string>): VjpCode[] {
  const { files, checker } = bind(sources);
  const members = membersOf(files, checker);
  const found = new Map<ts.Node, Set<string>>();

  const follow = (node: ts.Node, root: string): void => {
    const roots = found.get(node) ?? new Set<string>();
    if (roots.has(root) || isInside(node, root, found)) return;
    found.set(node, roots.add(root));
    visit(node, (inner) => {
      if (!ts.isIdentifier(inner)) return;
      for (const target of targetsOf(inner, checker, members)) follow(target, root);
    });
  };
  for (const file of files) {
    for (const run of runsOf(file)) follow(run, file.fileName);
  }
  return [...found].flatMap(([node, roots]) => {
    const own = [...roots].filter((root) => !isInside(node, root, found));
    return own.length > 0 ? [{ node, roots: new Set(own) }] : [];
  });
}

/** Names bound to their declarations; of types from elsewhere only the language's own are known. */
function bind(sources: ReadonlyMap<string, string>): { files: ts.SourceFile[]; checker: ts.TypeChecker } {
  const parsed = new Map(
    [...sources].map(([path, text]) => [path, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)]),
  );
  const library = dirname(ts.getDefaultLibFilePath({}));
  const options = { lib: ['lib.es2023.d.ts'], types: [], allowImportingTsExtensions: true, noEmit: true };
  const program = ts.createProgram([...sources.keys()], options, {
    getSourceFile(path, version) {
      const text = dirname(path) === library ? ts.sys.readFile(path) : undefined;
      return parsed.get(path) ?? (text === undefined ? text : ts.createSourceFile(path, text, version));
    },
    fileExists: (path) => sources.has(path),
    readFile: (path) => sources.get(path),
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    getDefaultLibLocation: () => library,
    writeFile: () => undefined,
    getCurrentDirectory: () => '',
    getCanonicalFileName: (path) => path,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
  });
  return { files: [...parsed.values()], checker: program.getTypeChecker() };
}

function visit(node: ts.Node, each: (node: ts.Node) => void): void {
  each(node);
  ts.forEachChild(node, (child) => visit(child, each));
}

function runsOf(file: ts.SourceFile): ts.Node[] {
  const runs: ts.Node[] = [];
  visit(file, (node) => {
    if (!ts.isObjectLiteralExpression(node)) return;
    const member = (name: string) => node.properties.find((each) => each.name?.getText(file) === name);
    const run = member('run');
    if (run && member('saves')) runs.push(run);
  });
  return runs;
}

/** Functions in object literals by what they implement: `Interface.member`. */
function membersOf(files: readonly ts.SourceFile[], checker: ts.TypeChecker): Map<ts.Symbol, ts.Node[]> {
  const members = new Map<ts.Symbol, ts.Node[]>();
  for (const file of files) {
    visit(file, (node) => {
      if (!ts.isObjectLiteralExpression(node)) return;
      const type = checker.getContextualType(node);
      for (const property of type ? node.properties : []) {
        const declared = property.name && type?.getProperty(property.name.getText(file));
        const isFunction =
          ts.isMethodDeclaration(property) ||
          (ts.isPropertyAssignment(property) && ts.isFunctionLike(property.initializer));
        if (declared && isFunction) members.set(declared, [...(members.get(declared) ?? []), property]);
      }
    });
  }
  return members;
}

/** The code behind a name. */
function targetsOf(
  name: ts.Identifier,
  checker: ts.TypeChecker,
  members: ReadonlyMap<ts.Symbol, readonly ts.Node[]>,
): readonly ts.Node[] {
  const { parent } = name;
  const named = checker.getSymbolAtLocation(name);
  if (!named) return [];
  if (ts.isPropertyAccessExpression(parent) && parent.name === name) return members.get(named) ?? [];
  const symbol = named.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(named) : named;
  return (symbol.declarations ?? []).flatMap((declaration): readonly ts.Node[] => {
    if (ts.isFunctionDeclaration(declaration)) return [declaration];
    const variable = ts.findAncestor(declaration, ts.isVariableDeclaration);
    const isValue = ts.isVariableDeclaration(declaration) || ts.isBindingElement(declaration);
    const value = isValue ? variable?.initializer : undefined;
    return value && !isTable(value) ? [value] : [];
  });
}

/** Ops, and tables whose members are found when they are used. */
const isTable = (node: ts.Node): boolean =>
  ts.isObjectLiteralExpression(node) || (ts.isAsExpression(node) && isTable(node.expression));

/** Whether code around this is found already, for the same root. */
function isInside(node: ts.Node, root: string, found: ReadonlyMap<ts.Node, ReadonlySet<string>>): boolean {
  return ts.findAncestor(node.parent, (outer) => found.get(outer)?.has(root) ?? false) !== undefined;
}
