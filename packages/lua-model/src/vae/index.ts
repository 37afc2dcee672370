export { AutoencoderKL } from './kl/autoencoder-kl.ts';
export type { KlConfig } from './kl/config.ts';
export { loadVae, type VaeOptions, vaeFromTensors } from './load.ts';
export { locateVae, type VaeFiles } from './locate.ts';
export { decodeTiled, encodeTiled, type TilingOptions } from './tiled.ts';
export { AutoencoderTiny, type TinyConfig } from './tiny/autoencoder-tiny.ts';
export { Vae, type VaePart } from './vae.ts';
