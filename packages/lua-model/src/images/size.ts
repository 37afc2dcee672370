import { readImage } from './read.ts';
import { loadSharp } from './sharp.ts';

/**
 * The size of a picture, upright, from the beginning of its file (Node only, through sharp). That the rest is sound only
 * reading it tells.
 *
 * @throws FileError as `readImage`
 */
export async function readImageSize(path: string): Promise<{ width: number; height: number }> {
  const sharp = await loadSharp();
  try {
    const { autoOrient } = await sharp(path, { limitInputPixels: false }).metadata();
    return { width: autoOrient.width, height: autoOrient.height };
  } catch {
    // Says what is wrong with it.
    const { width, height } = (await readImage(path)).image;
    return { width, height };
  }
}
