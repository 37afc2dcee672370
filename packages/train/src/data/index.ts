/** From photographs to shards of latents (`prepareData`), and from these to batches (`openDataset`, `Loader`). */

export { Dataset, type OpenDatasetOptions, openDataset } from './dataset.ts';
export { Loader, type LoaderOptions } from './loader.ts';
export type * from './types.ts';
