// The pass of any radix: see pass.wgsl. One invocation computes one value of a butterfly's transform as a plain sum, so
// radix² products for radix values: for the primes from 11 to 31, and for radix 1, which copies.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let distance = params.steps * params.inner;
  let row = n / distance;
  let q = row % params.radix;
  let start = (row - q) * distance;
  let within = n - row * distance;
  let j = within / params.inner;
  let k = j % params.span;

  let length = params.radix * params.steps;
  let turn = (k + q * params.span) * params.root_step;
  var angle = 0u;
  var sum = Complex();
  for (var r = 0u; r < params.radix; r++) {
    sum = plus(sum, times(source_at(start + within + r * distance), roots[angle]));
    angle = (angle + turn) % length;
  }
  if (n < params.butterflies * params.radix) {
    let position = (j - k) * params.radix + k + q * params.span;
    write_out(start + position * params.inner + within - j * params.inner, sum);
  }
}
