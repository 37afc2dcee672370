/** Files that survive what happens to processes and disks. */

export { AppendFile, type AppendResult } from './append-file.ts';
export { acquireLock, type Lock } from './lock.ts';
export type { ProcessRecord } from './process.ts';
export { cleanLeftovers, removeFolder, temporaryName } from './temporary.ts';
