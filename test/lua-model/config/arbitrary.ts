import fc from 'fast-check';
import { type LuaConfig, parseConfig } from '../../../packages/lua-model/src/config/index.ts';

const trunk = fc
  .record({
    in_chans: fc.constantFrom(1, 3, 4, 16),
    window_size: fc.integer({ min: 1, max: 16 }),
    windows: fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 2, max: 5 })),
    depths: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
    headDim: fc.integer({ min: 1, max: 12 }),
    num_heads: fc.integer({ min: 1, max: 4 }),
    mlp_ratio: fc.constantFrom(1, 1.3, 2, 2.55, 4),
    resi_connection: fc.constantFrom('1conv', '3conv'),
    img_range: fc.constantFrom(1, 255),
  })
  .filter(({ headDim, num_heads }) => headDim * num_heads >= 4)
  .map(({ windows, headDim, num_heads, ...rest }) => ({
    ...rest,
    img_size: windows.map((n) => n * rest.window_size),
    embed_dim: headDim * num_heads,
    num_heads: rest.depths.map(() => num_heads),
  }));

const luaHeads = fc
  .uniqueArray(fc.constantFrom(1, 2, 3, 4, 8), { minLength: 1, maxLength: 3 })
  .map((scales) => scales.map((scale) => ({ name: `x${scale}`, scale })));

const upsampler = fc.constantFrom(
  ...([1, 2, 3, 4, 8].flatMap((upscale) => [
    { upsampler: 'pixelshuffle', upscale },
    { upsampler: 'pixelshuffledirect', upscale },
  ]) as { upsampler: string; upscale: number }[]),
  { upsampler: 'nearest+conv', upscale: 2 },
  { upsampler: 'nearest+conv', upscale: 4 },
  { upsampler: '', upscale: 1 },
);

/** Any small configuration, of either layout, that the reader accepts. */
export const anyConfig: fc.Arbitrary<LuaConfig> = fc
  .tuple(trunk, fc.oneof(luaHeads, upsampler), fc.integer({ min: 1, max: 9 }))
  .map(([shared, head, features]) => {
    const json = Array.isArray(head)
      ? { ...shared, heads: head, head_num_feat: features }
      : { ...shared, ...head, num_feat: features };
    return parseConfig(json, 'any');
  });
