// out[o, j, i] = Σ_t weights[j, t] · source[o, starts[j] + t, i]: resampling along one axis.
//
// source [images, source_rows, inner], out [images, rows, inner]; an axis of an image becomes the middle one by taking
// what is outside it as `images` and what is inside it as `inner`. Each invocation computes one element of out, four
// channels at a time where VECTOR; neighbouring invocations differ in i, so that loads of a subgroup are adjacent.
//
// A piece of a larger operand begins at row `row` of out and at row `source_row` of source; the tables are those of the
// whole. The host guarantees that starts[j] + taps never passes the last row of the source and that no size is 0.
// Weights are float64 values rounded once. Accumulation in f32, t ascending.

#if ${VECTOR}
alias Element = vec4f;
#else
alias Element = f32;
#endif

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let total = params.images * params.rows * params.inner;
  let line = n / params.inner;
  let image = line / params.rows;
  let j = params.row + line - image * params.rows;
  let first = image * params.source_rows + starts[j] - params.source_row;
  let at = params.source_offset + first * params.inner + n - line * params.inner;

  var sum = Element();
  for (var t = 0u; t < params.taps; t++) {
    sum += weights[j * params.taps + t] * source[at + t * params.inner];
  }
  if (n < total) {
    out[params.out_offset + n] = sum;
  }
}
