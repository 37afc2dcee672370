export { createLua, type LoadOptions, loadLua } from './checkpoint.ts';
export * from './config/index.ts';
export * from './latent/index.ts';
export { Lua, type RunBlock, runRecomputed, runStored } from './network/index.ts';
export * from './upscale/index.ts';
