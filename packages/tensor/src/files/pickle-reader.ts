import { type PthRefusal, RESAVE } from './pth-refusal.ts';

const MAX_LONG_BYTES = 256;

/** Reads the operands of a pickle, never past its end. */
export class PickleReader {
  position = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly refuse: PthRefusal;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array, refuse: PthRefusal) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.refuse = refuse;
  }

  get atEnd(): boolean {
    return this.position === this.bytes.length;
  }

  /** The refusal of a pickle that makes no sense at this place. */
  damaged(what: string): Error {
    return this.refuse(
      'pickle',
      `the pickle is damaged near byte ${this.position}: ${what}`,
      'Download the file again.',
    );
  }

  uint8(): number {
    return this.view.getUint8(this.advance(1));
  }

  uint16(): number {
    return this.view.getUint16(this.advance(2), true);
  }

  int32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  /** Rounded above 2^53, which is past the end of any pickle. */
  uint64(): number {
    const at = this.advance(8);
    return this.view.getUint32(at + 4, true) * 2 ** 32 + this.view.getUint32(at, true);
  }

  /** The one big-endian operand. */
  float64(): number {
    return this.view.getFloat64(this.advance(8), false);
  }

  raw(length: number): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + this.advance(length), length);
  }

  text(length: number): string {
    return this.decode(this.raw(length));
  }

  /** Text up to a line feed, which is consumed too. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw this.damaged('a name does not end');
    const text = this.decode(this.bytes.subarray(this.position, end));
    this.position = end + 1;
    return text;
  }

  /** A two's-complement little-endian integer; a bigint when it is beyond ±(2^53 − 1). */
  long(length: number): number | bigint {
    if (length > MAX_LONG_BYTES)
      throw this.refuse('too-large', `the pickle holds a ${length}-byte integer`, RESAVE);
    const bytes = this.raw(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
    const signed = BigInt.asIntN(8 * length, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  /** Checks that `length` bytes follow, without consuming them. */
  expect(length: number): void {
    if (length > this.bytes.length - this.position) throw this.damaged('it ends too early');
  }

  private advance(length: number): number {
    this.expect(length);
    const start = this.position;
    this.position = start + length;
    return start;
  }

  private decode(bytes: Uint8Array): string {
    try {
      return this.decoder.decode(bytes);
    } catch {
      throw this.damaged('a string is not UTF-8');
    }
  }
}
