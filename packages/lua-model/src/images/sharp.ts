import { FileError } from '@lua-webgpu/kernels';

type SharpModule = typeof import('sharp');

/**
 * The npm package that decodes and encodes pictures; an optional dependency, so that nobody who works with latents
 * alone needs it.
 * @throws FileError `image-library` where it is missing or was not built for this machine
 */
export async function loadSharp(
  load: () => Promise<SharpModule> = () => import('sharp'),
): Promise<SharpModule['default']> {
  try {
    return (await load()).default;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const absent = /Cannot find (package|module) 'sharp'/.test(message);
    throw new FileError(
      'image-library',
      absent
        ? 'the package sharp, which reads and writes pictures, is not installed'
        : `the package sharp, which reads and writes pictures, does not load: ${message}`,
      'Run npm install sharp.',
      { cause },
    );
  }
}
