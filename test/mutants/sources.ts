import { readdirSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutation } from './mutation.ts';
import { mutationsOfCode } from './typescript.ts';
import { vjpCode } from './vjp-code.ts';
import { mutationsOfWgsl } from './wgsl.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const shaderFolder = 'packages/kernels/src/';
export const opFolder = 'packages/tensor/src/ops/';

/** A mutation, and for those of a vjp the files of the vjps that it is part of. */
export type Target = Mutation & { readonly vjpFiles?: readonly string[] };

const texts = new Map<string, string>();

/** As the file was when it was first asked for: a run takes long, and somebody may go on working on the sources. */
export function readSource(file: string): string {
  const text = texts.get(file) ?? readFileSync(`${root}${file}`, 'utf8');
  texts.set(file, text);
  return text;
}

function filesOf(folder: string, extension: string): string[] {
  const names = readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith(extension))
    .map((name) => folder + name.split(sep).join('/'))
    .sort();
}

/** All single-token mutations of the shaders and of the ops' vjps, in the order of files and places. */
export function allMutations(): Target[] {
  const shaders = filesOf(shaderFolder, '.wgsl').flatMap((file) =>
    mutationsOfWgsl(readSource(file)).map((edit) => ({ file, ...edit })),
  );
  return [...shaders, ...vjpMutations()];
}

function vjpMutations(): Target[] {
  const sources = new Map(filesOf(opFolder, '.ts').map((file) => [file, readSource(file)]));
  // What every op is made of, rather than a part of some vjp: a mistake there stops all ops.
  sources.delete(`${opFolder}define.ts`);
  const targets = vjpCode(sources).flatMap(({ node, roots }) => {
    const file = node.getSourceFile().fileName;
    return mutationsOfCode(node).map((edit) => ({ file, ...edit, vjpFiles: [...roots].sort() }));
  });
  const compare = (a: Target, b: Target) =>
    a.file < b.file ? -1 : a.file > b.file ? 1 : a.offset - b.offset;
  return targets.sort(compare);
}
