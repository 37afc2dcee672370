import type { VaePart } from './vae.ts';

/** A name in the module tree, or undefined for what is no part of the network. */
export type Rename = (name: string) => string | undefined;

type Row = readonly [pattern: RegExp, replacement: string | ((match: RegExpExecArray) => string)];

function applyRows(rows: readonly Row[], name: string): string {
  return rows.reduce((current, [pattern, replacement]) => {
    const match = pattern.exec(current);
    if (!match) return current;
    const to = typeof replacement === 'string' ? replacement : replacement(match);
    return current.replace(pattern, to);
  }, name);
}

/**
 * Every published spelling of AutoencoderKL's names: that of CompVis and Black Forest Labs (`encoder.down.0.block.1`), and
 * diffusers' own before 0.18 (`query`, `proj_attn`). Diffusers' names pass as they are.
 */
const klRows = (levels: number): readonly Row[] => {
  // The original counts resolutions from that of the image, diffusers in the order of computing.
  const up = (index: string | undefined) => levels - 1 - Number(index);
  return [
    [
      /^(encoder|decoder)\.mid\.block_([12])\./,
      ([, part, n]) => `${part}.mid_block.resnets.${Number(n) - 1}.`,
    ],
    [/^(encoder|decoder)\.mid\.attn_1\./, '$1.mid_block.attentions.0.'],
    [/^encoder\.down\.(\d+)\.block\./, 'encoder.down_blocks.$1.resnets.'],
    [/^encoder\.down\.(\d+)\.downsample\./, 'encoder.down_blocks.$1.downsamplers.0.'],
    [/^decoder\.up\.(\d+)\.block\./, ([, i]) => `decoder.up_blocks.${up(i)}.resnets.`],
    [/^decoder\.up\.(\d+)\.upsample\./, ([, i]) => `decoder.up_blocks.${up(i)}.upsamplers.0.`],
    [/^(encoder|decoder)\.norm_out\./, '$1.conv_norm_out.'],
    [/\.nin_shortcut\./, '.conv_shortcut.'],
    [/\.attentions\.0\.norm\./, '.attentions.0.group_norm.'],
    [/\.attentions\.0\.(q|query)\./, '.attentions.0.to_q.'],
    [/\.attentions\.0\.(k|key)\./, '.attentions.0.to_k.'],
    [/\.attentions\.0\.(v|value)\./, '.attentions.0.to_v.'],
    [/\.attentions\.0\.(proj_out|proj_attn)\./, '.attentions.0.to_out.0.'],
  ];
};

/** In front of the VAE's names in checkpoints of whole models. */
const klPrefixes = ['', 'first_stage_model.', 'vae.'];

/** How the names of a file become those of AutoencoderKL; undefined where it holds none. */
function klRename(names: readonly string[]): Rename | undefined {
  const prefix = klPrefixes.find((each) =>
    names.some(
      (name) => name === `${each}encoder.conv_in.weight` || name === `${each}decoder.conv_in.weight`,
    ),
  );
  if (prefix === undefined) return undefined;
  const indices = names.map((name) => /(?:^|\.)decoder\.up\.(\d+)\./.exec(name)?.[1]);
  const rows = klRows(1 + Math.max(-1, ...indices.filter((index) => index !== undefined).map(Number)));
  return (name) => {
    if (!name.startsWith(prefix)) return undefined;
    const own = name.slice(prefix.length);
    return /^(encoder|decoder|quant_conv|post_quant_conv)\./.test(own) ? applyRows(rows, own) : undefined;
  };
}

const layer = /^(?:(encoder|decoder)\.)?(layers\.)?(\d+)\.((?:conv\.\d+\.)?(?:weight|bias))$/;

/**
 * TAESD: the original's nn.Sequential indices, each part in a file of its own or behind `encoder.` and `decoder.`, where
 * the decoder's begin with the clamp; and diffusers' `decoder.layers.`, where they do not.
 */
function tinyRename(names: readonly string[]): Rename | undefined {
  if (names.length === 0 || !names.every((name) => layer.test(name))) return undefined;
  // Index 0 is the encoder's first convolution, and the decoder's clamp.
  const bare: VaePart = names.includes('0.weight') ? 'encoder' : 'decoder';
  return (name) => {
    const [, part = bare, diffusers, index, rest] = layer.exec(name) ?? [];
    const shift = part === 'decoder' && diffusers === undefined ? 1 : 0;
    return `${part}.layers.${Number(index) - shift}.${rest}`;
  };
}

/** What kind of VAE a file with these names holds, and how its names become those of the module. */
export function recogniseVae(
  names: readonly string[],
): { readonly kind: 'AutoencoderKL' | 'AutoencoderTiny'; readonly rename: Rename } | undefined {
  const tiny = tinyRename(names);
  if (tiny) return { kind: 'AutoencoderTiny', rename: tiny };
  const kl = klRename(names);
  return kl && { kind: 'AutoencoderKL', rename: kl };
}

/** Which part a name of the module tree belongs to. */
export function partOfName(name: string): VaePart {
  return /^(encoder|quant_conv)\./.test(name) ? 'encoder' : 'decoder';
}
