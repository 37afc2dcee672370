/** The command as a function: `runCommandLine(['upscale', …], process)` returns the exit code. */
export { runCommandLine } from './cli.ts';
export type { Streams } from './output.ts';
