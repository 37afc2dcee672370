import type { Device, GpuBuffer } from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import { defineKernel, read, write } from '../wgsl/index.ts';

export const tileBlendAccumulate = defineKernel({
  name: 'tile-blend/accumulate',
  source: shaders['tile-blend/accumulate.wgsl'],
  bindings: { tile: read('f32'), rowWeights: read('f32'), columnWeights: read('f32'), out: write('f32') },
  params: {
    planes: 'u32',
    tileHeight: 'u32',
    tileWidth: 'u32',
    height: 'u32',
    width: 'u32',
    top: 'u32',
    left: 'u32',
  },
  workgroup: () => [64, 1, 1],
  grid: ({ planes, tileHeight, tileWidth }) => [Math.ceil(tileWidth / 64), tileHeight, planes],
  check: ({ planes, tileHeight, tileWidth, height, width, top, left }) => {
    if (planes > 65_535 || tileHeight > 65_535) return 'takes up to 65,535 planes and rows';
    return top + tileHeight > height || left + tileWidth > width
      ? 'the tile has to lie inside out'
      : undefined;
  },
  cost: ({ planes, tileHeight, tileWidth }) => ({
    flops: 3 * planes * tileHeight * tileWidth,
    bytes: 12 * planes * tileHeight * tileWidth,
  }),
});

/** Where one tile of planes goes, in elements. */
export interface TilePlace {
  readonly planes: number;
  readonly tileHeight: number;
  readonly tileWidth: number;
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
}

/** Records out += tile · rowWeights ⊗ columnWeights at a place. Clear `out` before the first tile. */
export function blendTile(
  device: Device,
  buffers: { tile: GpuBuffer; rowWeights: GpuBuffer; columnWeights: GpuBuffer; out: GpuBuffer },
  place: TilePlace,
): void {
  device.dispatch(tileBlendAccumulate, { buffers, params: { ...place } });
}
