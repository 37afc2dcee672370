import { FileError } from '@lua-webgpu/kernels';
import {
  encodeSafetensors,
  type FileTensor,
  type FloatFileDtype,
  fromFloat32,
  toFloat32,
  writeFileAtomic,
} from '@lua-webgpu/tensor';

/**
 * Writes weights as safetensors of one dtype.
 * @returns the bytes written
 * @throws FileError `weights-range` for a value that the dtype cannot hold; nothing is written then
 */
export async function writeWeights(
  path: string,
  tensors: ReadonlyMap<string, FileTensor>,
  dtype: FloatFileDtype,
  metadata: ReadonlyMap<string, string>,
): Promise<number> {
  const converted = new Map(
    [...tensors].map(([name, tensor]) => [name, convert(name, tensor, dtype)] as const),
  );
  const bytes = encodeSafetensors(converted, metadata);
  await writeFileAtomic(path, bytes);
  return bytes.byteLength;
}

function convert(name: string, tensor: FileTensor, dtype: FloatFileDtype): FileTensor {
  const converted = fromFloat32(toFloat32(tensor), tensor.shape, dtype);
  if (toFloat32(converted).every(Number.isFinite)) return converted;
  throw new FileError(
    'weights-range',
    `${name} holds values that are not finite as ${dtype}`,
    'Write them as BF16 or F32; weights that are not finite to begin with are of no use.',
  );
}
