export { createLua, type LoadOptions, loadLua } from './checkpoint.ts';
export * from './config/index.ts';
export * from './images/index.ts';
export * from './latent/index.ts';
export { type DropPath, Lua } from './network/index.ts';
export { type Block, type RunBlock, runRecomputed, runStored } from './run-block.ts';
export { requireFinite } from './tiling/index.ts';
export * from './upscale/index.ts';
export * from './vae/index.ts';
