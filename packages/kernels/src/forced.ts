import { families } from './all.ts';
import { closest } from './closest.ts';
import { KernelError } from './errors.ts';

/**
 * Variants by family out of `matmul:tiled,conv2d:scalar`.
 * @throws KernelError `kernel-forced` for an entry of another form or a family named twice
 */
export function parseForced(text: string): Record<string, string> {
  const forced: Record<string, string> = {};
  if (text.trim() === '') return forced;
  for (const entry of text.split(',')) {
    const [, family, variant] = /^\s*([\w-]+)\s*:\s*([\w-]+)\s*$/.exec(entry) ?? [];
    if (family === undefined || variant === undefined || Object.hasOwn(forced, family)) {
      throw new KernelError(
        'kernel-forced',
        `LUA_WEBGPU_KERNEL: '${entry.trim()}' ${variant ? 'names its family a second time' : 'is not family:variant'}`,
        'Write it like LUA_WEBGPU_KERNEL=matmul:tiled,conv2d:scalar.',
      );
    }
    forced[family] = variant;
  }
  return forced;
}

/**
 * Finds what does not exist among variants by family; `source` is where they were named.
 * @throws KernelError `kernel-unknown`
 */
export function checkForced(source: string, force: Readonly<Record<string, string>>): void {
  for (const [name, variant] of Object.entries(force)) {
    const family = families.find((each) => each.name === name);
    if (!family) throw unknown(`${source}: no kernel family is called ${name}`, name, families);
    if (!family.variants.some((each) => each.name === variant)) {
      throw unknown(`${source}: ${name} has no variant ${variant}`, variant, family.variants);
    }
  }
}

function unknown(message: string, typed: string, known: readonly { readonly name: string }[]): KernelError {
  const names = known.map(({ name }) => name);
  const guess = closest(typed, names);
  const hint = guess === undefined ? '' : `Did you mean ${guess}? `;
  return new KernelError('kernel-unknown', message, `${hint}There are ${names.join(', ')}.`);
}
