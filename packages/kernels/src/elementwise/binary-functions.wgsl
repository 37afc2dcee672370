// The function of two operands that the constant OP names (its codes are listed in binary.ts). 6 and 7 are sub and div
// with the operands exchanged, for a first operand that is broadcast.

fn combine(a: vec4f, b: vec4f) -> vec4f {
  switch (OP) {
    case 0u: { return a + b; }
    case 1u: { return a - b; }
    case 2u: { return a * b; }
    case 3u: { return a / b; }
    case 4u: { return max(a, b); }
    case 5u: { return min(a, b); }
    case 6u: { return b - a; }
    default: { return b / a; }
  }
}
