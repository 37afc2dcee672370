#!/usr/bin/env node
/**
 * Embeds every packages/kernels/src/**\/*.wgsl into packages/kernels/src/shaders.generated.ts, so that the
 * package runs in a browser, from a bundle and from npm without reading files.
 *
 * Usage: node scripts/generate-shaders.mjs [SOURCE_FOLDER]
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2] ?? fileURLToPath(new URL('../packages/kernels/src', import.meta.url));
const output = join(folder, 'shaders.generated.ts');

const names = readdirSync(folder, { recursive: true })
  .map((name) => name.split(sep).join('/'))
  .filter((name) => name.endsWith('.wgsl'))
  .sort();
const quoted = names.map((name) => JSON.stringify(name));
const entries = names.map(
  (name, i) => `  ${quoted[i]}: ${JSON.stringify(readFileSync(join(folder, name), 'utf8'))},\n`,
);

// The names are a type of their own, rather than `keyof` an `as const` object, because the latter would
// repeat every shader's text in the package's declaration files.
const text = `// Written by scripts/generate-shaders.mjs from the .wgsl files of this folder. Not committed; do not edit.

/** A .wgsl file's path relative to this folder. */
export type ShaderName = ${quoted.map((name) => `\n  | ${name}`).join('') || 'never'};

/** The text of every .wgsl file, unprocessed. */
export const shaders: Readonly<Record<ShaderName, string>> = {
${entries.join('')}};
`;

// An unchanged file keeps its time stamp, so that incremental builds and watchers stay quiet. The rename
// keeps a build that runs at the same moment from reading half a file.
if (!existsSync(output) || readFileSync(output, 'utf8') !== text) {
  const partial = `${output}.${process.pid}.partial`;
  writeFileSync(partial, text);
  renameSync(partial, output);
}
