import type { AdapterDescription } from './types.ts';

/** An adapter that Dawn names and nobody has opened yet. */
export interface ListedAdapter {
  name: string;
  origin: 'system' | 'embedded';
}

/** The first Mesa whose lavapipe has the features that Dawn insists on. */
export const MINIMUM_LAVAPIPE = 24;

const LAVAPIPE = /llvmpipe|lavapipe/i;
const SWIFTSHADER = /swiftshader/i;
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|microsoft basic render|\bwarp\b/i;

/** `software` for the renderers known to run on the CPU; the name is all there is before an adapter is opened. */
export function kindOf(name: string): AdapterDescription['kind'] {
  return SOFTWARE.test(name) ? 'software' : 'hardware';
}

/** Whether the name is that of Mesa's CPU renderer. */
export function isLavapipe(name: string): boolean {
  return LAVAPIPE.test(name);
}

/** Whether the name, an adapter's or one that the caller wants, is that of SwiftShader. */
export function isSwiftShader(name: string): boolean {
  return SWIFTSHADER.test(name);
}

/** Whether `adapter` is what the caller means by `wanted` (an alias, or part of a name in any case). */
export function isWanted(wanted: string, adapter: ListedAdapter): boolean {
  const alias = wanted.toLowerCase();
  if (alias === 'hardware' || alias === 'software') return kindOf(adapter.name) === alias;
  if (alias === 'lavapipe' || alias === 'llvmpipe') return isLavapipe(adapter.name);
  return adapter.name.toLowerCase().includes(alias);
}

/**
 * The adapters to try, best first: hardware before software, otherwise in Dawn's order (which follows the
 * power preference). With `wanted`, only those that it means.
 */
export function rank(wanted: string | undefined, adapters: readonly ListedAdapter[]): ListedAdapter[] {
  const meant =
    wanted === undefined ? [...adapters] : adapters.filter((adapter) => isWanted(wanted, adapter));
  const hardware = meant.filter((adapter) => kindOf(adapter.name) === 'hardware');
  return [...hardware, ...meant.filter((adapter) => kindOf(adapter.name) === 'software')];
}

/** The major Mesa version in a driver's description, for instance 25 in `llvmpipe: Mesa 25.0.7-2 (LLVM 15.0.6)`. */
export function mesaMajor(description: string): number | undefined {
  const match = /\bMesa (\d+)\./.exec(description);
  return match === null ? undefined : Number(match[1]);
}

/** Why a lavapipe that Dawn did open is still not to be chosen by itself; undefined for anything else. */
export function tooOld(name: string, description: string): string | undefined {
  const mesa = mesaMajor(description);
  if (!isLavapipe(name) || mesa === undefined || mesa >= MINIMUM_LAVAPIPE) return undefined;
  return `${name} is Mesa ${mesa}, and ${MINIMUM_LAVAPIPE} is the oldest that works`;
}

/**
 * The names in the message with which Dawn rejects a request for an adapter that does not exist
 * (` * backend: 'vulkan', name: 'llvmpipe (LLVM 15.0.6, 256 bits)'` and so on); undefined where the message
 * is about something else.
 *
 * Dawn opens the first adapter whose name *contains* the one given, so a name that an earlier one contains
 * cannot be reached and is left out: better absent than another GPU under its name.
 */
export function namesIn(message: string): string[] | undefined {
  if (!message.includes('Available adapters:')) return undefined;
  const names = [...message.matchAll(/^ \* backend: '[^']*', name: '(.*)'$/gm)].map(
    (match) => match[1] ?? '',
  );
  return names.filter((name, index) => names.findIndex((other) => other.includes(name)) === index);
}
