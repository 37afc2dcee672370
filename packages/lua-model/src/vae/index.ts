export { loadVae, type VaeOptions, type VaePart } from './load.ts';
export { decodeTiled, encodeTiled, type TilingOptions } from './tiled.ts';
export { Vae } from './vae.ts';
