/**
 * A program that opens a device, computes and ends as its argument says; it prints what it computed. Run by
 * exit.test.ts in a process of its own.
 */
import { openDevice } from '@lua-webgpu/kernels';
import { add } from './kernels.ts';

const [adapter = '', way = ''] = process.argv.slice(2);
const device = await openDevice({ adapter });
const x = device.upload(new Float32Array(64).fill(1));
const out = device.allocate(256);
device.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 1 } });
const values = new Float32Array(await device.read(out));
console.log(`computed ${values[0]}`);

if (way === 'destroy') device.destroy();
if (way === 'throw') throw new Error('thrown on purpose');
if (way === 'pending') void device.read(out);
if (way === 'recorded') device.dispatch(add, { buffers: { x, out }, params: { count: 64, value: 1 } });
if (way === 'destroy while pending') {
  device.read(out).catch((error) => console.log(error.code));
  device.destroy();
}
if (way === 'exit') process.exit(0);
if (way === 'collect') {
  // Nothing refers to the device any more when the collector runs.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
