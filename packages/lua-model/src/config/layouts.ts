import { type Problem, refusal, shown } from './problems.ts';
import { FORMAT_VERSION, type LuaFile, type SwinirFile } from './schema.ts';
import { type HeadConfig, type LuaConfig, meanFor } from './types.ts';

/** A configuration out of a file of the released model's layout whose fields are in range. */
export function luaConfig(file: LuaFile, source: string): LuaConfig {
  const { heads: listed, head_num_feat } = file;
  const other = listed.find(({ num_feat }) => num_feat !== undefined && num_feat !== head_num_feat);
  if (other !== undefined) {
    refuse(
      source,
      'config-unsupported',
      `head ${shown(other.name)} has num_feat ${other.num_feat}, head_num_feat is ${head_num_feat}`,
      'All heads have the same width here: a model made with several cannot run.',
    );
  }
  const primary = primaryOf(file, source);
  const heads = listed.map(
    ({ name, scale, out_chans = file.in_chans, primary: marked }, i): HeadConfig => ({
      name,
      scale,
      out_chans,
      upsampler: 'pixelshuffle',
      primary: i === primary || marked === true,
    }),
  );
  return { ...trunkOf(file, source), head_num_feat, heads, names: 'lua' };
}

/** Index of the head that is marked, else named by `primary_head`, else of the largest scale: as the released class. */
function primaryOf({ heads, primary_head }: LuaFile, source: string): number {
  const marked = heads.findIndex(({ primary }) => primary);
  if (primary_head === undefined) {
    const largest = Math.max(...heads.map(({ scale }) => scale));
    return marked === -1 ? heads.findIndex(({ scale }) => scale === largest) : marked;
  }
  const named = heads.findIndex(({ name }) => name === primary_head);
  const what = `primary_head is ${shown(primary_head)}`;
  if (named === -1) {
    const names = heads.map(({ name }) => name).join(', ');
    refuse(source, 'config-range', `${what}, but no head has this name`, `Name one of ${names}.`);
  }
  if (marked !== -1 && marked !== named) {
    const name = shown(heads[marked]?.name);
    refuse(source, 'config-range', `${what}, but head ${name} is marked as primary`, 'Keep one of the two.');
  }
  return named;
}

/** A configuration out of a file of SwinIR's own layout whose fields are in range. */
export function swinirConfig(file: SwinirFile, source: string): LuaConfig {
  const { upsampler, in_chans, upscale = upsampler === '' ? 1 : undefined } = file;
  if (upscale === undefined) {
    refuse(
      source,
      'config-missing',
      `upscale is missing for upsampler ${shown(upsampler)}`,
      'Add upscale, the factor by which the image grows.',
    );
  }
  const head: HeadConfig = {
    name: `x${upscale}`,
    scale: upscale,
    out_chans: in_chans,
    upsampler,
    primary: true,
  };
  return { ...trunkOf(file, source), head_num_feat: file.num_feat, heads: [head], names: 'swinir' };
}

function trunkOf(file: LuaFile | SwinirFile, source: string) {
  const { in_chans, img_size, window_size, img_range, depths, embed_dim, num_heads, mlp_ratio } = file;
  const { resi_connection, qk_scale, mean = meanFor(in_chans) } = file;
  const ours = (heads: number) => (embed_dim / heads) ** -0.5;
  if (typeof qk_scale === 'number' && num_heads.some((n) => Math.abs(qk_scale / ours(n) - 1) > 1e-6)) {
    refuse(
      source,
      'config-unsupported',
      `qk_scale is ${qk_scale}, but here it is always (embed_dim / num_heads)^-0.5`,
      'A model made with another qk_scale cannot run here.',
    );
  }
  return {
    ...{ in_chans, img_size, window_size, img_range, mean },
    ...{ depths, embed_dim, num_heads, mlp_ratio, resi_connection },
  };
}

/** The JSON value that `parseConfig` reads back as the same configuration, in the layout of its `names`. */
export function configToJson(config: LuaConfig): Record<string, unknown> {
  const [height, width] = config.img_size;
  const standardMean = config.mean.join() === meanFor(config.in_chans).join();
  const trunk = {
    format_version: FORMAT_VERSION,
    in_chans: config.in_chans,
    img_size: height === width ? height : [height, width],
    window_size: config.window_size,
    img_range: config.img_range,
    ...(standardMean ? {} : { mean: [...config.mean] }),
    depths: [...config.depths],
    embed_dim: config.embed_dim,
    num_heads: [...config.num_heads],
    mlp_ratio: config.mlp_ratio,
    resi_connection: config.resi_connection,
  };
  if (config.names === 'swinir') {
    const { upsampler, scale: upscale } = config.heads[0] ?? { upsampler: '', scale: 1 };
    return { ...trunk, upsampler, upscale, num_feat: config.head_num_feat };
  }
  const heads = config.heads.map(({ name, scale, out_chans, primary }) => ({
    name,
    scale,
    out_chans,
    ...(primary ? { primary } : {}),
  }));
  return { ...trunk, head_num_feat: config.head_num_feat, heads };
}

function refuse(source: string, code: Problem['code'], message: string, fix: string): never {
  throw refusal(source, [{ code, message, fix }]);
}
