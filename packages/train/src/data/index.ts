/** From photographs to shards of latents (`prepareData`), and from these to batches (`openDataset`, `Loader`). */

export { Dataset, type OpenDatasetOptions, openDataset, type ReadOptions } from './dataset.ts';
export { Loader, type LoaderOptions } from './loader.ts';
export { cropOrigin, epochOrder } from './order.ts';
export { type PrepareOptions, type PrepareProgress, type PrepareResult, prepareData } from './prepare.ts';
export type { TilingOfPhotos } from './settings.ts';
export type * from './types.ts';
export { VaeEncoder } from './vae-encoder.ts';
