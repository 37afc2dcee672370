/**
 * Exact conversions between the bit patterns of float32, IEEE binary16 and bfloat16. Everything here works on integers,
 * so that NaN payloads survive (a JavaScript engine may change them when a NaN passes through a number).
 */

/** float32 bits of a binary16 bit pattern; every binary16 value is exact in float32. */
export function f16ToF32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  // A subnormal half is a normal float32: shift its leading one into the implicit place.
  const shift = Math.clz32(mantissa) - 21;
  return (sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13)) >>> 0;
}

/**
 * binary16 bits nearest to a float32 bit pattern: ties to even, subnormals kept, 65520 and above become infinity.
 * A NaN stays a NaN (made quiet, the upper bits of its payload kept).
 */
export function f32BitsToF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const abs = bits & 0x7fffffff;
  if (abs > 0x7f800000) return sign | 0x7e00 | ((abs >>> 13) & 0x3ff);
  // 65520 is the midpoint of the largest half and the next power of two: it and all above round away.
  if (abs >= 0x477ff000) return sign | 0x7c00;
  if (abs >= 0x38800000) {
    const rebiased = abs - 0x38000000;
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  // 2^-25 is the midpoint of zero and the smallest subnormal; the tie goes to zero, which is even.
  if (abs <= 0x33000000) return sign;
  const mantissa = (abs & 0x7fffff) | 0x800000;
  const shift = 126 - (abs >>> 23);
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept);
}

/** float32 bits of a bfloat16 bit pattern: the same bits with 16 zeros behind them. */
export function bf16ToF32Bits(brain: number): number {
  return (brain << 16) >>> 0;
}

/** bfloat16 bits nearest to a float32 bit pattern, ties to even; a NaN stays a (quiet) NaN. */
export function f32BitsToBf16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
