/**
 * A program that drops tensors in several ways, lets the collector run after each, and prints what was reported and the
 * bytes in use as JSON. Run by leaks.test.ts in a process of its own, with --expose-gc.
 */
import { type Device, openDevice } from '@lua-webgpu/kernels';
import { add, backward, Linear, mean, openScope, plainChannels, square, Tape } from '@lua-webgpu/tensor';

const ways: Record<string, (device: Device) => unknown> = {
  'a scope'(device) {
    const scope = openScope(device);
    const x = scope.tensor([1, 2, 3, 4], [2, 2]);
    for (let i = 0; i < 3; i++) add(x, x);
  },
  'a kept tensor'(device) {
    using scope = openScope(device);
    scope.keep(square(scope.tensor([1, 2], [2])));
  },
  'a tape'(device) {
    using scope = openScope(device);
    square(new Tape().watch(scope.tensor([1, 2, 3], [3])));
  },
  gradients(device) {
    using scope = openScope(device);
    using tape = new Tape();
    backward(mean(square(tape.watch(scope.tensor([1, 2, 3], [3])))));
  },
  'a module'(device) {
    new Linear(plainChannels(4), plainChannels(8)).initialize(device, 1);
  },
  nothing(device) {
    using scope = openScope(device);
    using tape = new Tape();
    using model = new Linear(plainChannels(4), plainChannels(8));
    model.initialize(device, 1);
    const x = tape.watch(scope.tensor([1, 2, 3, 4], [1, 4]));
    backward(mean(model.forward(x))).dispose();
  },
  "the caller's own buffer"(device) {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    openScope(device).wrap(device.gpu.createBuffer({ size: 64, usage }), [16]);
  },
  'what is held'(device) {
    return openScope(device).tensor([1, 2], [2]);
  },
  'a scope on a device that is destroyed'(device) {
    openScope(device).tensor([1, 2], [2]);
    device.destroy();
  },
};

/** What is told, and how many bytes are in use, after the collector has run. */
async function drop(way: string, listens: boolean) {
  const lines: string[] = [];
  console.warn = (line: string) => lines.push(`warned ${line}`);
  const listen = { onLeak: (line: string) => lines.push(line) };
  const device = await openDevice({ adapter: 'swiftshader', ...(listens && listen) });
  const held = ways[way]?.(device);
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const inUse = device.memory().inUse;
  device.destroy();
  // Looked at last, so that it is held until here.
  return { lines, inUse, holds: held !== undefined };
}

const reports: Record<string, unknown> = {};
for (const way of Object.keys(ways)) reports[way] = await drop(way, true);
reports['nobody listens'] = await drop('a kept tensor', false);
process.env.LUA_WEBGPU_CHECK = '1';
reports['the console listens'] = await drop('a kept tensor', false);
console.log(JSON.stringify(reports));
