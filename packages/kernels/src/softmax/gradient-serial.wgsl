// out[r, i] = y[r, i] · (gradient[r, i] − Σⱼ gradient[r, j] · y[r, j]) over `rows` rows of `length` elements (vec4s
// where VECTOR): the gradient of softmax, whose result y is.
//
// One invocation computes one row: for short rows and for software adapters. Needs softmax/element.wgsl in front. The
// host guarantees that no size is 0; invocations past the last row store nothing.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.y * groups.x * WORKGROUP_X + id.x;
  let at = row * params.length;

  var sum = Element();
  for (var i = 0u; i < params.length; i++) {
    sum += gradient[at + i] * y[at + i];
  }
  let mean = total(sum);

  if (row < params.rows) {
    for (var i = 0u; i < params.length; i++) {
      out[at + i] = y[at + i] * (gradient[at + i] - mean);
    }
  }
}
