import { promisify } from 'node:util';
import { openDevice } from '@lua-webgpu/kernels';
import { conv2d, openScope } from '@lua-webgpu/tensor';
import { describe, expect, it } from 'vitest';
import { restBetweenPolls } from '../../../packages/kernels/src/runtime/platform/polling.ts';

/** A native function without a name, as dawn.node's poll is: bound functions have one until it is taken away. */
function nativeFunction(run: () => void): () => void {
  const bound = run.bind(undefined);
  Object.defineProperty(bound, 'name', { value: '' });
  return bound;
}

/** Polls until `polls` are done, each renewed from within the one before; gives the milliseconds that passed. */
function renew(scheduler: { setImmediate: typeof setImmediate }, polls: number): Promise<number> {
  const begin = performance.now();
  return new Promise((resolve) => {
    let left = polls;
    const poll = nativeFunction(() => {
      left -= 1;
      if (left > 0) scheduler.setImmediate(poll);
      else resolve(performance.now() - begin);
    });
    scheduler.setImmediate(poll);
  });
}

describe('restBetweenPolls', () => {
  it('lets renewed native polls rest, longer the longer they wait, up to half a millisecond', async () => {
    const scheduler = { setImmediate };
    const spinning = await renew(scheduler, 200);
    restBetweenPolls(scheduler);
    const short = await renew(scheduler, 5);
    const long = await renew(scheduler, 200);
    expect(short).toBeLessThan(5);
    expect(long).toBeGreaterThan(40);
    expect(long).toBeGreaterThan(4 * spinning);
  });

  it('passes everything else through', async () => {
    const scheduler = { setImmediate };
    restBetweenPolls(scheduler);
    const replaced = scheduler.setImmediate;
    restBetweenPolls(scheduler);
    expect(scheduler.setImmediate).toBe(replaced);
    const begin = performance.now();
    for (let i = 0; i < 200; i++) {
      await new Promise<void>((resolve) => {
        scheduler.setImmediate((...given: number[]) => given.join() === '1,2' && resolve(), 1, 2);
      });
    }
    expect(performance.now() - begin).toBeLessThan(40);
    expect(await promisify(scheduler.setImmediate)('value')).toBe('value');
    clearImmediate(scheduler.setImmediate(() => expect.unreachable()));
  });

  it('leaves the processor to a software adapter while it computes', async () => {
    using device = await openDevice({ adapter: 'swiftshader' });
    using scope = openScope(device);
    const x = scope.tensor(new Float32Array(96 * 96 * 64), [1, 96, 96, 64]);
    const weight = scope.tensor(new Float32Array(9 * 64 * 64), [3, 3, 64, 64]);
    const wait = async () => {
      conv2d(x, weight).dispose();
      await device.synchronize();
    };
    await wait();
    let polls = 0;
    const { setImmediate: resting } = globalThis;
    globalThis.setImmediate = Object.assign((...args: Parameters<typeof setImmediate>) => {
      polls += 1;
      return resting(...args);
    }, resting);
    const begin = performance.now();
    await wait();
    globalThis.setImmediate = resting;
    // Spinning, there are ten and more in a millisecond.
    expect(polls).toBeGreaterThan(0);
    expect(polls / (performance.now() - begin)).toBeLessThan(4);
  });
});
