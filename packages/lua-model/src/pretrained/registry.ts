import { closest, FileError } from '@lua-webgpu/kernels';

/** Weights that come with this package, in its folder pretrained/, each with a model card (NAME.md) beside it. */
export interface PretrainedEntry {
  /** What the file holds: a LUA network, or the decoder of a small VAE. */
  readonly kind: 'lua' | 'decoder';
  /** The latents that it is for. */
  readonly profile: 'flux' | 'sd3' | 'sdxl';
  readonly sha256: string;
}

const ENTRIES = {
  'flux-tiny': {
    kind: 'lua',
    profile: 'flux',
    sha256: '06c8373e93b1aa9adc242899bd3203f3b15da4fa77acb4382a483272413bbb8f',
  },
  'flux-tiny-decoder': {
    kind: 'decoder',
    profile: 'flux',
    sha256: '1820bdd89f02ca5b3fbbd3c322327a752b26d597995f6f703352cf85c39d61e7',
  },
} as const satisfies Record<string, PretrainedEntry>;

export type PretrainedName = keyof typeof ENTRIES;

export const pretrainedNames = Object.keys(ENTRIES) as readonly PretrainedName[];

/** Whether `name` is one of {@link pretrainedNames}. */
export function isPretrainedName(name: string): name is PretrainedName {
  return Object.hasOwn(ENTRIES, name);
}

/** @throws FileError `pretrained-unknown` */
export function pretrainedEntry(name: PretrainedName): PretrainedEntry {
  if (isPretrainedName(name)) return ENTRIES[name];
  const guess = closest(String(name), pretrainedNames);
  throw new FileError(
    'pretrained-unknown',
    `there are no pretrained weights called ${JSON.stringify(name)}`,
    `${guess === undefined ? '' : `Did you mean ${guess}? `}There are ${pretrainedNames.join(', ')}.`,
  );
}
