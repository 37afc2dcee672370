/** Element types that tensors have on the device. f16 is storage: kernels compute in f32. */
export type DType = 'f32' | 'f16' | 'i32' | 'u32';

/** Bytes of `count` elements, rounded up to whole 32-bit words as WebGPU copies need. */
export function byteLength(dtype: DType, count: number): number {
  return dtype === 'f16' ? Math.ceil(count / 2) * 4 : count * 4;
}
