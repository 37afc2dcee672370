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
  'flux-small': {
    kind: 'lua',
    profile: 'flux',
    sha256: 'da0794d04a4003365c32e2ba86d476323be90d0f942d13696b728d4b04ddd020',
  },
  'sd3-small': {
    kind: 'lua',
    profile: 'sd3',
    sha256: '135178e2d79efe46ab7dd00ade910bf546b9fe828a682c8b7a726b5964aa1ac8',
  },
  'sdxl-small': {
    kind: 'lua',
    profile: 'sdxl',
    sha256: '686de21879e8340cd36eb9f8e39c5fe3b21e2dedf1743d69a9ec0545839a5347',
  },
  'flux-tiny-decoder': {
    kind: 'decoder',
    profile: 'flux',
    sha256: 'a53177b4279981841442450322b44217803fe00d2142d68562f01009a24f13ef',
  },
} as const satisfies Record<string, PretrainedEntry>;

type NameOf<Kind extends PretrainedEntry['kind']> = {
  [Name in keyof typeof ENTRIES]: (typeof ENTRIES)[Name]['kind'] extends Kind ? Name : never;
}[keyof typeof ENTRIES];

/** Of a LUA network. */
export type PretrainedNetwork = NameOf<'lua'>;
/** Of a decoder. */
export type PretrainedDecoder = NameOf<'decoder'>;
export type PretrainedName = PretrainedNetwork | PretrainedDecoder;

export const pretrainedNames = Object.keys(ENTRIES) as readonly PretrainedName[];

/** Those of networks. */
export const pretrainedNetworks = pretrainedNames.filter(
  (name): name is PretrainedNetwork => ENTRIES[name].kind === 'lua',
);

/** Whether `name` is one of {@link pretrainedNames}. */
export function isPretrainedName(name: string): name is PretrainedName {
  return Object.hasOwn(ENTRIES, name);
}

/** @throws FileError `pretrained-unknown` */
export function pretrainedEntry(name: string): PretrainedEntry {
  if (isPretrainedName(name)) return ENTRIES[name];
  const guess = closest(name, pretrainedNames);
  throw new FileError(
    'pretrained-unknown',
    `there are no pretrained weights called ${JSON.stringify(name)}`,
    `${guess === undefined ? '' : `Did you mean ${guess}? `}There are ${pretrainedNames.join(', ')}.`,
  );
}

/** `name`, if it is that of a network. @throws FileError `pretrained-unknown`, `pretrained-kind` */
export function pretrainedNetwork(name: string): PretrainedNetwork {
  return ofKind<PretrainedNetwork>(name, 'lua');
}

/** `name`, if it is that of a decoder. @throws FileError `pretrained-unknown`, `pretrained-kind` */
export function pretrainedDecoder(name: string): PretrainedDecoder {
  return ofKind<PretrainedDecoder>(name, 'decoder');
}

function ofKind<Name extends PretrainedName>(name: string, kind: PretrainedEntry['kind']): Name {
  if (pretrainedEntry(name).kind === kind) return name as Name;
  throw new FileError(
    'pretrained-kind',
    `${name} is a ${kind === 'lua' ? 'decoder' : 'LUA network'}`,
    `Load it with ${kind === 'lua' ? 'loadPretrainedDecoder' : 'loadPretrained'}.`,
  );
}
