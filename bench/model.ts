import { createLua, type LuaConfig, preset } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import type { BenchCase } from './case.ts';

/** Multiply-adds of one forward, twice: the trunk's linear layers, attention and convolutions, and one head. */
function forwardFlops(config: LuaConfig, side: number, scale: number): number {
  const { embed_dim: dim, mlp_ratio, window_size, head_num_feat: features, in_chans } = config;
  const pixels = side * side;
  const blocks = config.depths.reduce((sum, depth) => sum + depth, 0);
  const block = dim * dim * (4 + 2 * mlp_ratio) + 2 * window_size ** 2 * dim;
  const trunk = blocks * block + 9 * dim * (in_chans + dim * (config.depths.length + 1));
  let head = 9 * dim * features;
  for (let step = 0; step < Math.log2(scale); step++) head += 4 ** step * 9 * features * 4 * features;
  head += scale ** 2 * 9 * features * in_chans;
  return 2 * pixels * (trunk + head);
}

const forwardCase = (name: 'tiny' | 'light', side: number, scale: number): BenchCase => ({
  name: `${name} ×${scale} forward, 16 channels, ${side}²`,
  async setup(device) {
    const config = preset(name, { in_chans: 16 });
    const model = createLua(device, config);
    const scope = openScope(device);
    const values = Float32Array.from({ length: 16 * side * side }, (_, i) => Math.sin(i));
    const latent = scope.tensor(values, [1, 16, side, side]);
    return {
      run: () => {
        for (const output of model.forward(latent, [scale]).values()) output.dispose();
      },
      flops: forwardFlops(config, side, scale),
      bytes: 0,
      dispose: () => {
        scope.dispose();
        model.dispose();
      },
    };
  },
});

export const cases: BenchCase[] = [
  forwardCase('tiny', 32, 2),
  forwardCase('light', 32, 2),
  forwardCase('light', 64, 2),
  forwardCase('light', 64, 4),
];
