import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FileError, ShapeError } from '@lua-webgpu/kernels';
import { isPackedShape, unpackLatent } from '@lua-webgpu/lua-model';
import { describeTensor, type FileTensor, readTensorFile, toFloat32 } from '@lua-webgpu/tensor';
import { UsageError } from './errors.ts';

/** The latent of a file. */
export interface LatentFile {
  readonly data: Float32Array;
  /** [B, C, h, w] */
  readonly shape: readonly number[];
  /** Element type in the file. */
  readonly dtype: 'F64' | 'F32' | 'F16' | 'BF16';
  /** Shape in the file where it was FLUX's packed form. */
  readonly packedShape: readonly number[] | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads the tensor `latent` of a file, or its only 4-D or packed one.
 *
 * @param size [h, w] in latent pixels of a packed latent that is not square
 * @throws FileError as `readTensorFile`, `latent-none`, `latent-ambiguous`, `file-dtype`, `latent-size`
 * @throws UsageError `usage-size` for a size given with a latent that is not packed
 * @throws ShapeError `latent-shape`
 */
export async function readLatent(path: string, size?: readonly [number, number]): Promise<LatentFile> {
  const { tensors, metadata } = await readTensorFile(path);
  const [name, tensor] = pickLatent(tensors, path);
  const dtype = floatDtype(tensor, `${path}: ${name}`);
  const data = toFloat32(tensor);
  const { shape } = tensor;
  if (isPackedShape(shape)) {
    const latent = unpackLatent(data, shape, size);
    return { ...latent, dtype, packedShape: shape, metadata };
  }
  if (size) {
    throw new UsageError(
      'usage-size',
      `--size is for packed latents, and ${name} is ${describeTensor(tensor)}`,
      'Leave --size out: a 4-D latent says its own size.',
    );
  }
  if (shape.length !== 4 || shape.includes(0)) {
    throw new ShapeError(
      'latent-shape',
      `${path}: ${name} is ${describeTensor(tensor)}`,
      "A latent is [B, C, h, w] with no empty side, or FLUX's packed [B, h·w/4, 64].",
    );
  }
  return { data, shape, dtype, packedShape: undefined, metadata };
}

function pickLatent(tensors: ReadonlyMap<string, FileTensor>, path: string): [string, FileTensor] {
  const named = tensors.get('latent');
  if (named) return ['latent', named];
  const candidates = [...tensors].filter(([, { shape }]) => shape.length === 4 || isPackedShape(shape));
  const listed = [...tensors].slice(0, 8).map(([name, tensor]) => `${name} ${describeTensor(tensor)}`);
  const holds = listed.length === 0 ? 'nothing' : listed.join(', ') + (tensors.size > 8 ? ', …' : '');
  const [only] = candidates;
  if (only === undefined) {
    throw new FileError(
      'latent-none',
      `${path} holds no latent but ${holds}`,
      'Store the latent as a tensor named latent, [B, C, h, w] before the VAE decodes it.',
    );
  }
  if (candidates.length > 1) {
    throw new FileError(
      'latent-ambiguous',
      `${path} holds ${candidates.length} tensors that may be the latent: ${holds}`,
      'Name the one that is meant latent, or store it alone. (Weights belong behind --weights.)',
    );
  }
  return only;
}

function floatDtype(tensor: FileTensor, what: string): LatentFile['dtype'] {
  const { dtype } = tensor;
  if (dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return dtype;
  throw new FileError(
    'file-dtype',
    `${what} is ${describeTensor(tensor)}`,
    'A latent is F32, F16, BF16 or F64.',
  );
}

/**
 * Checks, before any work is done, that a result can be written to `path` and would replace none of the inputs.
 * @throws UsageError `usage-out-is-input`, FileError `file-unwritable`
 */
export async function checkOutput(path: string, inputs: readonly (string | undefined)[]): Promise<void> {
  const existing = await fileOf(path);
  for (const input of inputs) {
    const other = input === undefined ? undefined : await fileOf(input);
    if (existing && other && existing.dev === other.dev && existing.ino === other.ino) {
      throw new UsageError('usage-out-is-input', `${path} is the input ${input}`, 'Choose another --out.');
    }
  }
  if (existing && !existing.isFile()) {
    const what = existing.isDirectory() ? 'a folder' : 'not a regular file';
    throw new FileError('file-unwritable', `${path} is ${what}`, 'Name a file to write.');
  }
  const folder = dirname(path);
  try {
    if (!(await stat(folder)).isDirectory()) throw new Error('not a folder');
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FileError(
      'file-unwritable',
      `${path} cannot be written: ${why}`,
      `Create the folder ${folder} and give yourself permission to write there.`,
      { cause },
    );
  }
}

async function fileOf(path: string) {
  return await stat(path).catch(() => undefined);
}

/** `96x64` as [96, 64]. @throws UsageError `usage-value` */
export function parseSize(text: string | undefined): readonly [number, number] | undefined {
  if (text === undefined) return undefined;
  const match = /^([1-9][0-9]{0,5})[x×]([1-9][0-9]{0,5})$/i.exec(text);
  if (match) return [Number(match[1]), Number(match[2])];
  throw new UsageError(
    'usage-value',
    `--size is ${JSON.stringify(text)}`,
    'It is HEIGHTxWIDTH in latent pixels, for instance 64x96 for an image of 512×768.',
  );
}
