import { type Rows, rowsRange } from '../image-bands/index.ts';
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
    tile_base: 'u32',
    out_base: 'u32',
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

/**
 * Records out += tile · rowWeights ⊗ columnWeights at a place. Clear `out` before the first tile. Both may exceed one
 * binding, the tile's rows of one plane of `out` may not.
 * @throws AllocationError `binding-too-large`
 */
export function blendTile(
  device: Device,
  buffers: { tile: GpuBuffer; rowWeights: GpuBuffer; columnWeights: GpuBuffer; out: GpuBuffer },
  place: TilePlace,
): void {
  const { limits } = device.capabilities;
  const { planes, tileHeight, tileWidth, height, width, top } = place;
  const tileLayout = { height: tileHeight, rowBytes: 4 * tileWidth };
  const outLayout = { height, rowBytes: 4 * width };
  const blend = (tileRows: Rows, outRows: Rows, params: Pick<TilePlace, 'planes' | 'height' | 'top'>) => {
    const tile = rowsRange(buffers.tile, tileRows, tileLayout, 4, limits);
    const out = rowsRange(buffers.out, outRows, outLayout, 4, limits);
    device.dispatch(tileBlendAccumulate, {
      buffers: { ...buffers, tile: tile.range, out: out.range },
      params: { ...place, ...params, tile_base: tile.offset, out_base: out.offset },
    });
  };
  const most = limits.maxStorageBufferBindingSize;
  if (4 * planes * Math.max(tileHeight * tileWidth, height * width) <= most) {
    const all = { image: 0, images: planes, row: 0 };
    blend({ ...all, rows: tileHeight }, { ...all, rows: height }, { planes, height, top });
    return;
  }
  for (let plane = 0; plane < planes; plane++) {
    const tile = { image: plane, images: 1, row: 0, rows: tileHeight };
    blend(tile, { ...tile, row: top }, { planes: 1, height: tileHeight, top: 0 });
  }
}
