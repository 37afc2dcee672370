// The activation that a GEMM or convolution applies before it stores. ACTIVATION is a constant of the kernel:
// 0 none, 1 exact GELU x·(1 + erf(x/√2))/2, 2 leaky ReLU with `slope` (0 gives ReLU).
// Needs lib/normal.wgsl in front.

fn activate(x: vec4f, slope: f32) -> vec4f {
  if (ACTIVATION == 1u) {
    return gelu(x);
  }
  if (ACTIVATION == 2u) {
    return select(slope * x, x, x > vec4f(0.0));
  }
  return x;
}
