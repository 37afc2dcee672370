// One pass of a mixed-radix transform along an axis, through global memory. Library of pass-2.wgsl … pass-8.wgsl.
//
// A line of N = radix · steps values, `inner` elements apart, becomes in as many passes as N has factors its transform
// (Stockham's ordering: no bit reversal). The passes before this one have made transforms of length `span`. Butterfly
// j of a line takes the values j + r · steps, multiplies them by exp(−2πi·k·r / (span · radix)) with k = j mod span,
// and puts their transform of length radix at (j − k) · radix + k + q · span.
//
// `roots[n]` is exp(−2πi·n / N), float64 rounded once, and root_step = N / (span · radix). One invocation computes one
// butterfly; neighbouring invocations read neighbouring elements. No workgroup memory, no barriers: software adapters
// are slow at both, and a line may have any length.

struct Butterfly {
  // False for the surplus invocations of the last workgroups, which do not store.
  live: bool,
  read: u32,
  read_step: u32,
  write: u32,
  write_step: u32,
  root: u32,
}

fn butterfly(group: vec3u, groups: vec3u, lane: u32, radix: u32) -> Butterfly {
  let n = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let distance = params.steps * params.inner;
  let line = n / distance;
  let within = n - line * distance;
  let j = within / params.inner;
  let k = j % params.span;
  let start = line * distance * radix;
  return Butterfly(
    n < params.butterflies,
    start + within,
    distance,
    start + ((j - k) * radix + k) * params.inner + within - j * params.inner,
    params.span * params.inner,
    k * params.root_step,
  );
}

fn read_value(b: Butterfly, r: u32) -> Complex {
  return source_at(b.read + r * b.read_step);
}

// Value r times its root.
fn rotated(b: Butterfly, r: u32) -> Complex {
  let z = read_value(b, r);
  // All of the roots are 1 and need not be read.
  if (params.span == 1u) {
    return z;
  }
  return times(z, roots[r * b.root]);
}

fn write_value(b: Butterfly, q: u32, z: Complex) {
  write_out(b.write + q * b.write_step, z);
}
