// Conversions between the bits of float32 and of IEEE binary16, on integers throughout.
//
// WGSL's pack2x16float is indeterminate past 65504 and may round in any direction, unpack2x16float may flush
// subnormals: this does neither. Every binary16 value is exact in float32; the other way rounds to nearest, ties to
// even, keeps subnormals, makes 65520 and above infinity, and a NaN stays a (quiet) NaN.

fn to_half(bits: u32) -> u32 {
  let magnitude = bits & 0x7fffffffu;
  // A subnormal counts multiples of 2^-24: shift the significand there, the bits that fall off decide the rounding.
  let shift = min(126u - min(magnitude >> 23u, 126u), 31u);
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let kept = significand >> shift;
  let lost = significand & ((1u << shift) - 1u);
  let middle = (1u << shift) >> 1u;
  let subnormal = kept + select(0u, 1u, lost > middle || (lost == middle && (kept & 1u) == 1u));
  let rebiased = magnitude - 0x38000000u;
  let normal = (rebiased + 0xfffu + ((rebiased >> 13u) & 1u)) >> 13u;
  var half = select(subnormal, normal, magnitude >= 0x38800000u);
  half = select(half, 0x7c00u, magnitude >= 0x477ff000u);
  half = select(half, 0x7e00u | ((magnitude >> 13u) & 0x3ffu), magnitude > 0x7f800000u);
  return half | ((bits >> 16u) & 0x8000u);
}

fn from_half(half: u32) -> u32 {
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 0x1fu;
  let fraction = half & 0x3ffu;
  let normal = ((exponent + 112u) << 23u) | (fraction << 13u);
  let special = 0x7f800000u | (fraction << 13u);
  // fraction · 2^-24, exact, and never subnormal in float32.
  let subnormal = bitcast<u32>(f32(fraction) * 5.9604644775390625e-8);
  return sign | select(select(normal, special, exponent == 31u), subnormal, exponent == 0u);
}
