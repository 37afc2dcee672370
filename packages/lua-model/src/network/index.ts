export { Lua } from './lua.ts';
