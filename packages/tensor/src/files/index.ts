/** Weight and latent files: safetensors in both directions, PyTorch checkpoints for reading. */

export { readFileBytes } from './bytes.ts';
export { type CheckpointEntry, type CheckpointTensors, tensorsOfCheckpoint } from './checkpoint.ts';
export { crc32c } from './crc32.ts';
export { syncFolder, unwritable } from './disk.ts';
export {
  bytesPerElement,
  describeTensor,
  elementCount,
  type FileDtype,
  type FileTensor,
  type FloatFileDtype,
  fileDtypes,
  fromFloat32,
  isFileDtype,
  toFloat32,
  toFloat64,
  toInt32,
} from './dtype.ts';
export { bf16ToF32Bits, f16ToF32Bits, f32BitsToBf16, f32BitsToF16 } from './float16.ts';
export { sha256OfFile } from './hash.ts';
export { type PthValue, parsePth } from './pth.ts';
export {
  indexTensorFile,
  parseTensorFile,
  readTensorFile,
  type WeightFile,
  type WeightIndex,
} from './read.ts';
export { parseSafetensors, type TensorFile } from './safetensors.ts';
export { encodeSafetensors, safetensorsParts } from './safetensors-encode.ts';
export { SafetensorsReader } from './safetensors-reader.ts';
export { type FileKind, type SniffedFile, sniffFile } from './sniff.ts';
export { writeFileAtomic } from './write.ts';
