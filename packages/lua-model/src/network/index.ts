export { Lua } from './lua.ts';
export { type RunBlock, runRecomputed, runStored } from './swin-block.ts';
