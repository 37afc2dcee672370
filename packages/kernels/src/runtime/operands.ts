import type { Limits } from '../capabilities.ts';
import { AllocationError, KernelError, LifetimeError } from '../errors.ts';
import { type BufferRange, bufferOf, type GpuBuffer } from './buffer.ts';
import type { Device } from './device.ts';
import type { CompiledKernel } from './pipelines.ts';

/** Bytes rounded up to 32-bit words, as WebGPU's copies and bindings need them; the pool's buffers have the room. */
export const wholeWords = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/** @throws LifetimeError `tensor-disposed`, `tensor-device` */
export function checkUsable(device: Device, buffer: GpuBuffer, by: string): void {
  if (buffer.released) {
    throw new LifetimeError(
      'tensor-disposed',
      `${by} got a buffer that was released`,
      'Keep it until its last use.',
    );
  }
  if (buffer.device !== device) {
    throw new LifetimeError(
      'tensor-device',
      `${by} got a buffer of another device`,
      'Read it back and upload it here.',
    );
  }
}

/**
 * What WebGPU asks of a binding, checked where the kernel and the operand still have names.
 * @throws KernelError `kernel-binding`, AllocationError `binding-too-large`
 */
export function checkBinding(kernel: string, name: string, range: BufferRange, limits: Limits): void {
  const whole = !('offset' in range);
  const size = whole ? range.byteLength : range.size;
  const limit = limits.maxStorageBufferBindingSize;
  if (size > limit) {
    throw new AllocationError(
      'binding-too-large',
      `${kernel}: ${name} has ${size} bytes, a binding holds ${limit}`,
      'Work on smaller pieces: pass a smaller `tile` or batch.',
    );
  }
  if (whole) return;
  const { offset, buffer } = range;
  const alignment = limits.minStorageBufferOffsetAlignment;
  const end = Math.max(4, wholeWords(buffer.byteLength));
  if (offset % alignment === 0 && offset >= 0 && size > 0 && offset + size <= end) return;
  throw new KernelError(
    'kernel-binding',
    `${kernel}: ${name} cannot bind ${size} bytes from byte ${offset} of a buffer of ${buffer.byteLength}`,
    `Bind ranges inside the buffer that start at multiples of ${alignment} bytes.`,
  );
}

/**
 * WebGPU lets a dispatch either read or write a buffer, whatever the ranges, and write only ranges that do not overlap.
 * @throws KernelError `kernel-aliased`
 */
export function checkAliases(kernel: string, compiled: CompiledKernel, ranges: readonly BufferRange[]): void {
  for (const written of compiled.written) {
    const target = ranges[written];
    if (!target) continue;
    for (let other = 0; other < ranges.length; other++) {
      const range = ranges[other];
      if (other === written || !range || bufferOf(range).gpu !== bufferOf(target).gpu) continue;
      if (compiled.written.includes(other) && !overlap(target, range)) continue;
      throw new KernelError(
        'kernel-aliased',
        `${kernel} writes ${compiled.bindingNames[written]}, which shares its buffer with ${compiled.bindingNames[other]}`,
        'Write to a buffer of its own: a dispatch cannot read and write one buffer, not even different parts of it.',
      );
    }
  }
}

function overlap(a: BufferRange, b: BufferRange): boolean {
  const [aStart, aEnd] = span(a);
  const [bStart, bEnd] = span(b);
  return aStart < bEnd && bStart < aEnd;
}

function span(range: BufferRange): [start: number, end: number] {
  const [buffer, offset, size] =
    'offset' in range ? [range.buffer, range.offset, range.size] : [range, 0, range.byteLength];
  const start = buffer.base + offset;
  return [start, start + Math.max(4, size)];
}

/**
 * Bytes that a copy, write or read touches: whole words, except at the end of the buffer.
 * @throws KernelError `kernel-range`
 */
export function checkTransfer(what: string, buffer: GpuBuffer, offset: number, bytes: number): void {
  const end = offset + bytes;
  const inside = offset >= 0 && bytes >= 0 && end <= wholeWords(buffer.byteLength);
  if (inside && offset % 4 === 0 && (bytes % 4 === 0 || end === buffer.byteLength)) return;
  throw new KernelError(
    'kernel-range',
    `${what}: ${bytes} bytes from byte ${offset} do not lie in a buffer of ${buffer.byteLength} bytes as whole words`,
    'Use offsets and lengths in multiples of 4 that end inside the buffer.',
  );
}

/** @throws KernelError `kernel-grid` where a dimension has more workgroups than a dispatch can */
export function checkGrid(kernel: string, grid: readonly [number, number, number], limits: Limits): void {
  const limit = limits.maxComputeWorkgroupsPerDimension;
  if (grid[0] <= limit && grid[1] <= limit && grid[2] <= limit) return;
  throw new KernelError(
    'kernel-grid',
    `${kernel}: a grid of ${grid.join('×')} workgroups; a dimension holds ${limit}`,
    'Work on smaller pieces: pass a smaller `tile` or batch.',
  );
}

/** @throws KernelError `kernel-buffer` for a caller's buffer that kernels and copies could not use */
export function checkForeign(gpu: GPUBuffer, byteLength: number): void {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const problem =
    (gpu.usage & usage) !== usage
      ? 'lacks one of the usages STORAGE, COPY_SRC and COPY_DST'
      : gpu.size % 4 !== 0
        ? `has ${gpu.size} bytes, which are no whole words`
        : byteLength > gpu.size
          ? `has ${gpu.size} bytes, not ${byteLength}`
          : undefined;
  if (!problem) return;
  throw new KernelError(
    'kernel-buffer',
    `wrap: the GPUBuffer ${problem}`,
    'Create it with these usages, a size in multiples of 4, and room for what it is to hold.',
  );
}
