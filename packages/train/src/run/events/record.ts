import { crc32c } from '@lua-webgpu/tensor';
import { concat } from './protobuf.ts';

/** Added to a rotated checksum, so that the checksum of data that holds checksums is still a good one. */
const MASK_DELTA = 0xa282ead8;

/** A TFRecord: length (uint64), checksum of the length, data, checksum of the data; little-endian. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(data.byteLength), true);
  return concat([length, maskedChecksum(length), data, maskedChecksum(data)]);
}

function maskedChecksum(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes);
  const rotated = (crc >>> 15) | (crc << 17);
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, rotated + MASK_DELTA, true);
  return out;
}
