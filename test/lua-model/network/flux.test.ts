import { openDevice } from '@lua-webgpu/kernels';
import { createLua, preset, upscaleAll } from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import { describe, expect, it } from 'vitest';
import { seededValues } from '../../support/compare.ts';

// 54.9 M parameters on a software adapter take minutes, so this runs in `npm run test:full` only.
describe.runIf(process.env.LUA_WEBGPU_TEST === 'full')('the flux preset', () => {
  it('upscales a 16×20×32 latent by both heads in less than 2 GB', async () => {
    const device = await openDevice({ adapter: process.env.LUA_WEBGPU_ADAPTER ?? 'swiftshader' });
    const model = createLua(device, preset('flux'), { seed: 1 });
    const scope = openScope(device);
    const latent = scope.tensor(Float32Array.from(seededValues(1, 16 * 20 * 32)), [1, 16, 20, 32]);
    const started = performance.now();
    const results = await upscaleAll(model, latent, { scales: [2, 4] });
    const seconds = (performance.now() - started) / 1000;
    expect([...results].map(([scale, { shape }]) => [scale, ...shape])).toEqual([
      [2, 1, 16, 40, 64],
      [4, 1, 16, 80, 128],
    ]);
    const { peak } = device.memory();
    expect(peak).toBeLessThan(2 * 2 ** 30);
    console.info(
      `flux 20×32 → ×2 and ×4 on ${device.adapter.name}: ${seconds.toFixed(1)} s, peak ${(peak / 2 ** 20).toFixed(0)} MiB`,
    );
    scope.dispose();
    model.dispose();
    expect(device.memory().inUse).toBe(0);
    device.destroy();
  }, 900_000);
});
