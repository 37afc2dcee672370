import { readFileSync } from 'node:fs';
import { type Device, defineKernel, read, write } from '@lua-webgpu/kernels';
import type { BenchCase } from '../case.ts';

const source = (name: string) => readFileSync(new URL(`${name}.wgsl`, import.meta.url), 'utf8');

const copyKernel = defineKernel({
  name: 'ceiling/copy',
  source: source('copy'),
  bindings: { source: read('vec4f'), destination: write('vec4f') },
  params: { groups: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ groups }) => [groups, 1, 1],
  cost: ({ groups }) => ({ flops: 0, bytes: groups * 64 * 4 * 32 }),
});

const multiplyAddKernel = defineKernel({
  name: 'ceiling/multiply-add',
  source: source('multiply-add'),
  bindings: { to: write('vec4f') },
  params: { groups: 'u32', steps: 'u32' },
  workgroup: () => [64, 1, 1],
  grid: ({ groups }) => [groups, 1, 1],
  cost: ({ groups, steps }) => ({ flops: groups * 64 * steps * 64, bytes: groups * 64 * 16 }),
});

/** Moves 32 MiB from one buffer to another. */
export const copyCeiling: BenchCase = {
  name: 'copy 32 MiB',
  async setup(device: Device) {
    const groups = 2 ** 25 / (64 * 64);
    const buffers = { source: device.allocate(2 ** 25), destination: device.allocate(2 ** 25) };
    const params = { groups };
    return {
      run: () => device.dispatch(copyKernel, { buffers, params }),
      ...copyKernel.cost(params, {}),
      dispose: () => [buffers.source, buffers.destination].forEach((buffer) => void buffer.release()),
    };
  },
};

/** Independent multiply-adds out of registers. */
export const multiplyAddCeiling: BenchCase = {
  name: 'multiply-add',
  async setup(device: Device) {
    const groups = device.capabilities.software ? 64 : 8192;
    const params = { groups, steps: 256 };
    const to = device.allocate(groups * 64 * 16);
    return {
      run: () => device.dispatch(multiplyAddKernel, { buffers: { to }, params }),
      ...multiplyAddKernel.cost(params, {}),
      dispose: () => to.release(),
    };
  },
};
