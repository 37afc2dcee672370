export type { DropPath } from './drop-path.ts';
export { Lua } from './lua.ts';
