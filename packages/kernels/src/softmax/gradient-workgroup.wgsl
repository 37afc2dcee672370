// out[r, i] = y[r, i] · (gradient[r, i] − Σⱼ gradient[r, j] · y[r, j]) over `rows` rows of `length` elements (vec4s
// where VECTOR): the gradient of softmax, whose result y is.
//
// One workgroup computes one row, joining its invocations' sums by halves in workgroup memory. For long rows. Needs
// softmax/element.wgsl in front. The host guarantees that no size is 0; workgroups past the last row store
// nothing.

var<workgroup> sums: array<f32, WORKGROUP_X>;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  let at = row * params.length;

  var sum = Element();
  for (var i = lane; i < params.length; i += WORKGROUP_X) {
    sum += gradient[at + i] * y[at + i];
  }
  sums[lane] = total(sum);
  for (var half = WORKGROUP_X / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
  }
  workgroupBarrier();
  let mean = sums[0];

  if (row < params.rows) {
    for (var i = lane; i < params.length; i += WORKGROUP_X) {
      out[at + i] = y[at + i] * (gradient[at + i] - mean);
    }
  }
}
