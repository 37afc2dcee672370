import { closest, FileError } from '@lua-webgpu/kernels';
import { parseConfig } from './parse.ts';
import type { LuaConfig } from './types.ts';

const PRESETS = {
  flux: { embed_dim: 360, layers: 6, depth: 6, heads: 12, window_size: 16, img_size: 32, head_num_feat: 256 },
  classical: {
    embed_dim: 180,
    layers: 6,
    depth: 6,
    heads: 6,
    window_size: 8,
    img_size: 64,
    head_num_feat: 64,
  },
  light: { embed_dim: 60, layers: 4, depth: 6, heads: 6, window_size: 8, img_size: 64, head_num_feat: 64 },
  tiny: { embed_dim: 32, layers: 2, depth: 2, heads: 4, window_size: 8, img_size: 64, head_num_feat: 32 },
} as const;

export type PresetName = keyof typeof PRESETS;

export const presetNames = Object.keys(PRESETS) as readonly PresetName[];

/** Whether `name` is a preset's. */
export function isPresetName(name: string): name is PresetName {
  return Object.hasOwn(PRESETS, name);
}

export interface PresetOptions {
  /** Channels of the latents: 4 for SDXL, 16 (default) for SD3 and FLUX. */
  readonly in_chans?: 4 | 16;
  /** One head each, named `x<scale>`; the largest is primary. Default [2, 4]. */
  readonly scales?: readonly number[];
}

/**
 * A configuration of SPEC §2's table: `flux` is the released model (54.9 M parameters), `classical` and `light` have the
 * trunks of SwinIR's classical (12 M) and lightweight (1.4 M) networks, `tiny` is for CPUs, tests and demonstrations.
 *
 * @throws FileError `config-preset` for an unknown name, `config-range` for scales that no head can have.
 */
export function preset(name: PresetName, { in_chans = 16, scales = [2, 4] }: PresetOptions = {}): LuaConfig {
  if (!isPresetName(name)) {
    const guess = closest(String(name), presetNames);
    throw new FileError(
      'config-preset',
      `there is no preset ${JSON.stringify(name)}`,
      `${guess === undefined ? '' : `Did you mean ${guess}? `}The presets are ${presetNames.join(', ')}.`,
    );
  }
  const { layers, depth, heads, ...rest } = PRESETS[name];
  const json = {
    in_chans,
    ...rest,
    img_range: 1,
    depths: Array.from({ length: layers }, () => depth),
    num_heads: Array.from({ length: layers }, () => heads),
    mlp_ratio: 2,
    resi_connection: '1conv',
    heads: scales.map((scale) => ({ name: `x${scale}`, scale, out_chans: in_chans })),
  };
  return parseConfig(json, `preset ${name}`);
}
