/** Takes the lock of a folder, says so on stdout and holds it until killed. Argument: folder. */
import { FileError } from '@lua-webgpu/kernels';
import { acquireLock } from '../../../packages/train/src/disk/index.ts';

try {
  await acquireLock(process.argv[2] ?? '', 'trainer');
  process.stdout.write('held\n');
  setInterval(() => undefined, 1000);
} catch (error) {
  process.stdout.write(`${error instanceof FileError ? error.code : String(error)}\n`);
}
