import {
  affine,
  backward,
  checkpoint,
  neg,
  openScope,
  reciprocal,
  sum,
  Tape,
  type Tensor,
} from '@lua-webgpu/tensor';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

for (const adapter of await adapterCases()) {
  describe(`gradients that are not finite, on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());
    afterEach(() => vi.unstubAllEnvs());

    /** What requireFinite says of the gradients of Σ f(x), where a cotangent of Σ may be given. */
    const verdict = async (values: number[], f: (x: Tensor) => Tensor, cotangent = 1): Promise<string> => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const x = tape.watch(scope.tensor(values, [values.length]));
      using gradients = backward(sum(f(x)), { gradient: scope.tensor([cotangent], []) });
      return await gradients.requireFinite().then(
        () => 'finite',
        (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
      );
    };
    /** 1 / x has the slope −1 / x², which float32 does not hold at 1e-25. The ops around it are not at fault. */
    const steep = (x: Tensor) => neg(affine(reciprocal(neg(neg(x))), { scale: 2, offset: 1 }));

    it('are refused', async () => {
      expect(await verdict([1, 1e-25], steep)).toBe('non-finite: a gradient [2] holds NaN or infinity');
      expect(await verdict([1, 1e-15], steep)).toBe('finite');
    });

    it('LUA_WEBGPU_CHECK=1 names the op that produced the first', async () => {
      vi.stubEnv('LUA_WEBGPU_CHECK', '1');
      const culprit = 'non-finite: the backward pass of reciprocal produced NaN or infinity';
      expect(await verdict([1, 1e-25], steep)).toBe(culprit);
      expect(await verdict([1, 1e-25], reciprocal)).toBe(culprit);
      expect(await verdict([1, 1e-15], steep)).toBe('finite');
    });

    it('LUA_WEBGPU_CHECK=1 looks into checkpoints', async () => {
      vi.stubEnv('LUA_WEBGPU_CHECK', '1');
      expect(await verdict([1, 1e-25], (x) => neg(checkpoint(neg(x), steep)))).toBe(
        'non-finite: the backward pass of reciprocal produced NaN or infinity',
      );
    });

    it('LUA_WEBGPU_CHECK=1 does not blame an op for what it was given', async () => {
      vi.stubEnv('LUA_WEBGPU_CHECK', '1');
      expect(await verdict([1, 2], steep, Number.NaN)).toBe(
        'non-finite: the gradient passed to backward holds NaN or infinity',
      );
    });

    it('the check leaves no memory behind', async () => {
      const device = await devices.open();
      await device.synchronize();
      expect(device.memory().inUse).toBe(0);
    });
  });
}
