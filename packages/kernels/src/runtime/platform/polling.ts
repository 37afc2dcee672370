/** Where dawn.node finds the function that it polls with; `globalThis` but for tests. */
interface Scheduler {
  setImmediate: typeof setImmediate;
}

/** A poll rests for this share of the time that has been waited, so that a result is found that much later at most. */
const restShare = 1 / 8;
/** Below, a spin finds the end of short work sooner than a sleep would. Milliseconds, as below. */
const shortestRest = 0.05;
/** What other work of the same event loop may have to wait. */
const longestRest = 0.5;

const restful = Symbol('lua-webgpu: polls rest');

/**
 * Makes dawn.node's waiting leave the processor to a software adapter. While a promise of WebGPU is open, dawn.node looks
 * for what has finished in a `setImmediate` that it renews at once: one whole core, and on two of them a convolution takes
 * 1.6 times as long beside it. This replaces `setImmediate` by one that sleeps a moment before such a poll, a native
 * function without a name; all others pass through. Calling it again does nothing.
 */
export function restBetweenPolls(scheduler: Scheduler = globalThis): void {
  const { setImmediate: real } = scheduler;
  if (restful in real) return;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let polling = false;
  let began = 0;

  const poll = (callback: () => void) => () => {
    // Dawn renews its poll from within; a call from elsewhere begins another wait.
    polling = true;
    try {
      callback();
    } finally {
      polling = false;
    }
  };
  const replacement = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    if (!isNativePoll(callback)) return real(callback, ...args);
    const now = performance.now();
    if (!polling) began = now;
    const rest = Math.min(longestRest, restShare * (now - began));
    if (rest >= shortestRest) Atomics.wait(cell, 0, 0, rest);
    return real(poll(callback));
  };
  scheduler.setImmediate = Object.assign(replacement, real, { [restful]: true }) as typeof setImmediate;
}

const isNativePoll = (callback: (...args: never[]) => void): boolean =>
  typeof callback === 'function' &&
  callback.name === '' &&
  Function.prototype.toString.call(callback).endsWith('{ [native code] }');
