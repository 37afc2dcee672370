import { FileError } from '@lua-webgpu/kernels';
import { bf16ToF32Bits, f16ToF32Bits, f32BitsToBf16, f32BitsToF16 } from './float16.ts';

/** Element types that weight files may hold, by their safetensors names. */
export type FileDtype =
  | 'F64'
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'I64'
  | 'I32'
  | 'I16'
  | 'I8'
  | 'U64'
  | 'U32'
  | 'U16'
  | 'U8'
  | 'BOOL';

/** The element types that float32 data can be stored as. */
export type FloatFileDtype = 'F64' | 'F32' | 'F16' | 'BF16';

const WIDTHS: Readonly<Record<FileDtype, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** All element types, widest first. */
export const fileDtypes: readonly FileDtype[] = (Object.keys(WIDTHS) as FileDtype[]).sort(
  (a, b) => WIDTHS[b] - WIDTHS[a],
);

/** Whether `name` is one of {@link FileDtype}. */
export function isFileDtype(name: string): name is FileDtype {
  return Object.hasOwn(WIDTHS, name);
}

/** Bytes of one element. */
export function bytesPerElement(dtype: FileDtype): number {
  return WIDTHS[dtype];
}

/**
 * A tensor as a file holds it: little-endian elements in row-major order. `bytes` is usually a view into the file's
 * bytes, at any alignment; treat it as read-only.
 */
export interface FileTensor {
  readonly dtype: FileDtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Number of elements of a shape; 1 for rank 0. Inexact above 2^53, where no file is large enough to agree. */
export function elementCount(shape: readonly number[]): number {
  // A zero first: the product of the other sizes may overflow to infinity, and infinity times zero is NaN.
  if (shape.includes(0)) return 0;
  return shape.reduce((product, size) => product * size, 1);
}

/** `F32 [2, 3]`, for messages. */
export function describeTensor(tensor: FileTensor): string {
  return `${tensor.dtype} [${tensor.shape.join(', ')}]`;
}

/**
 * The elements as float32. F16, BF16, BOOL and integers up to 2^24 are exact; F64 and larger integers are rounded to
 * nearest. F32 that lies aligned comes back as a view of `tensor.bytes`, everything else as a copy.
 *
 * @throws FileError `file-tensor-size` when bytes and shape disagree, `file-integer-range` for an integer beyond
 * ±(2^53 − 1), `file-bool` for a BOOL that is neither 0 nor 1.
 */
export function toFloat32(tensor: FileTensor): Float32Array {
  const { dtype, bytes } = tensor;
  const count = checkedCount(tensor);
  if (dtype === 'F32' && hostIsLittleEndian && bytes.byteOffset % 4 === 0) {
    return new Float32Array(bytes.buffer, bytes.byteOffset, count);
  }
  const out = new Float32Array(count);
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') {
    // Bit patterns rather than numbers, so that NaNs keep their payload.
    const bits = new Uint32Array(out.buffer);
    const view = viewOf(bytes);
    if (dtype === 'F32') for (let i = 0; i < count; i++) bits[i] = view.getUint32(4 * i, true);
    else if (dtype === 'F16')
      for (let i = 0; i < count; i++) bits[i] = f16ToF32Bits(view.getUint16(2 * i, true));
    else for (let i = 0; i < count; i++) bits[i] = bf16ToF32Bits(view.getUint16(2 * i, true));
    return out;
  }
  const read = elementReader(tensor, dtype);
  for (let i = 0; i < count; i++) out[i] = read(i);
  return out;
}

/**
 * The elements as float64: exact for every dtype. Always a copy.
 *
 * @throws FileError as {@link toFloat32}.
 */
export function toFloat64(tensor: FileTensor): Float64Array {
  const { dtype } = tensor;
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return Float64Array.from(toFloat32(tensor));
  const out = new Float64Array(checkedCount(tensor));
  const read = elementReader(tensor, dtype);
  for (let i = 0; i < out.length; i++) out[i] = read(i);
  return out;
}

/**
 * The elements of an integer or BOOL tensor as int32. Always a copy.
 *
 * @throws FileError `file-dtype` for a float tensor, `file-integer-range` for a value outside int32, and as
 * {@link toFloat32}.
 */
export function toInt32(tensor: FileTensor): Int32Array {
  const { dtype } = tensor;
  if (dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') {
    throw new FileError(
      'file-dtype',
      `a ${describeTensor(tensor)} tensor was read as int32, which would lose fractions`,
      'Read it with toFloat32, or store integers in the file.',
    );
  }
  const out = new Int32Array(checkedCount(tensor));
  const read = elementReader(tensor, dtype);
  for (let i = 0; i < out.length; i++) {
    const value = read(i);
    out[i] = value;
    if (out[i] !== value) throw integerRange(tensor, i, value, 'int32');
  }
  return out;
}

/**
 * A file tensor that holds `data` as `dtype`: F32 and F64 exact, F16 and BF16 rounded to nearest, ties to even, with
 * overflow to infinity. An F32 tensor shares memory with `data`.
 *
 * @throws FileError `file-tensor-size` when `data.length` is not the shape's element count.
 */
export function fromFloat32(
  data: Float32Array,
  shape: readonly number[],
  dtype: FloatFileDtype = 'F32',
): FileTensor {
  const count = elementCount(shape);
  if (count !== data.length) {
    throw new FileError(
      'file-tensor-size',
      `${data.length} values were given for the shape [${shape.join(', ')}], which holds ${count}`,
      'Pass as many values as the shape holds.',
    );
  }
  if (dtype === 'F32' && hostIsLittleEndian) {
    return { dtype, shape: [...shape], bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  }
  const bytes = new Uint8Array(count * WIDTHS[dtype]);
  const view = viewOf(bytes);
  if (dtype === 'F64') {
    for (let i = 0; i < count; i++) view.setFloat64(8 * i, data[i] ?? 0, true);
  } else {
    const bits = new Uint32Array(data.buffer, data.byteOffset, count);
    if (dtype === 'F32') for (let i = 0; i < count; i++) view.setUint32(4 * i, bits[i] ?? 0, true);
    else if (dtype === 'F16')
      for (let i = 0; i < count; i++) view.setUint16(2 * i, f32BitsToF16(bits[i] ?? 0), true);
    else for (let i = 0; i < count; i++) view.setUint16(2 * i, f32BitsToBf16(bits[i] ?? 0), true);
  }
  return { dtype, shape: [...shape], bytes };
}

const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checkedCount(tensor: FileTensor): number {
  const count = elementCount(tensor.shape);
  if (count * WIDTHS[tensor.dtype] !== tensor.bytes.byteLength) {
    throw new FileError(
      'file-tensor-size',
      `a ${describeTensor(tensor)} tensor needs ${count * WIDTHS[tensor.dtype]} bytes and has ${tensor.bytes.byteLength}`,
      'Give the tensor as many bytes as its shape and dtype need.',
    );
  }
  return count;
}

/** Reads one element as a number; `dtype` is the tensor's, narrowed to those that need no work on bit patterns. */
function elementReader(
  tensor: FileTensor,
  dtype: Exclude<FileDtype, 'F32' | 'F16' | 'BF16'>,
): (index: number) => number {
  const view = viewOf(tensor.bytes);
  switch (dtype) {
    case 'F64':
      return (i) => view.getFloat64(8 * i, true);
    case 'I64':
      return (i) => safeInteger(tensor, i, view.getInt32(8 * i + 4, true), view.getUint32(8 * i, true));
    case 'U64':
      return (i) => safeInteger(tensor, i, view.getUint32(8 * i + 4, true), view.getUint32(8 * i, true));
    case 'I32':
      return (i) => view.getInt32(4 * i, true);
    case 'U32':
      return (i) => view.getUint32(4 * i, true);
    case 'I16':
      return (i) => view.getInt16(2 * i, true);
    case 'U16':
      return (i) => view.getUint16(2 * i, true);
    case 'I8':
      return (i) => view.getInt8(i);
    case 'U8':
      return (i) => view.getUint8(i);
    case 'BOOL':
      return (i) => bool(tensor, i, view.getUint8(i));
  }
}

function safeInteger(tensor: FileTensor, index: number, high: number, low: number): number {
  const value = high * 2 ** 32 + low;
  if (!Number.isSafeInteger(value)) throw integerRange(tensor, index, value, '±(2^53 − 1)');
  return value;
}

function bool(tensor: FileTensor, index: number, value: number): number {
  if (value > 1) {
    throw new FileError(
      'file-bool',
      `element ${index} of a ${describeTensor(tensor)} tensor is the byte ${value}, neither 0 nor 1`,
      'Write the file again; booleans are stored as the bytes 0 and 1.',
    );
  }
  return value;
}

function integerRange(tensor: FileTensor, index: number, value: number, range: string): FileError {
  return new FileError(
    'file-integer-range',
    `element ${index} of a ${describeTensor(tensor)} tensor is about ${value}, outside ${range}`,
    'Store the values in a range that converts without loss.',
  );
}
