export { type Band, bandRange, rowBands } from './bands.ts';
export { type BufferRange, GpuBuffer } from './buffer.ts';
export type { Capabilities, Limits } from './capabilities.ts';
export { Device, type Dispatch } from './device.ts';
export * from './errors.ts';
export { type OpenOptions, openDevice } from './open.ts';
export type { MemoryReport } from './pool.ts';
