/** CRC-32 as zip and PNG use it. */
export const crc32 = makeCrc32(0xedb88320);

/** CRC-32C (Castagnoli), as TFRecord files use it. */
export const crc32c = makeCrc32(0x82f63b78);

/**
 * The checksum of a reflected polynomial. Eight bytes per step ("slicing-by-8", Kounavis and Berry 2005), since a
 * checkpoint has hundreds of megabytes.
 */
function makeCrc32(polynomial: number): (bytes: Uint8Array) => number {
  const t = makeTables(polynomial);
  const at = (index: number): number => t[index] as number;
  return (bytes) => {
    const whole = bytes.length - (bytes.length % 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let crc = -1;
    let i = 0;
    for (; i < whole; i += 8) {
      const low = view.getUint32(i, true) ^ crc;
      const high = view.getUint32(i + 4, true);
      crc =
        at(1792 + (low & 255)) ^
        at(1536 + ((low >>> 8) & 255)) ^
        at(1280 + ((low >>> 16) & 255)) ^
        at(1024 + (low >>> 24)) ^
        at(768 + (high & 255)) ^
        at(512 + ((high >>> 8) & 255)) ^
        at(256 + ((high >>> 16) & 255)) ^
        at(high >>> 24);
    }
    for (; i < bytes.length; i++) crc = (crc >>> 8) ^ at((crc ^ view.getUint8(i)) & 255);
    return ~crc >>> 0;
  };
}

/** Entry [256·k + b] advances byte b by k further zero bytes. */
function makeTables(polynomial: number): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let k = 0; k < 8; k++) {
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
      tables[256 * k + byte] = crc;
    }
  }
  return tables;
}
