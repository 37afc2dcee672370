export { listAdapters, requestPlatformAdapter } from '#platform';
export { type Band, bandRange, rowBands } from './bands.ts';
export { type BufferRange, GpuBuffer } from './buffer.ts';
export { Device } from './device.ts';
export type { Dispatch } from './dispatcher.ts';
export { type Family, pick, refusal, type Variant } from './family.ts';
export type { KernelTime } from './gpu-timer.ts';
export type { AdapterDescription, AdapterRequest } from './platform/types.ts';
export type { MemoryReport } from './pool.ts';
