// Looks for NaN and infinity in the bits of f32: an exponent of ones. Float comparisons cannot be trusted with that.
//
// Invocation j looks at the vec4s j, j + width, j + 2·width, … below `count` and writes out[out_first + j]: how many
// elements are not finite, or, where FIRST, the index of the first of them, 0xffffffff for none. `offset` is the index of
// x[0]'s first element. Lanes read neighbouring addresses; no barriers, no atomics. `width` invocations; the grid is
// folded into two dimensions.

const EXPONENT: vec4u = vec4u(0x7f800000u);

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let j = id.y * groups.x * WORKGROUP_X + id.x;
  if (j < params.width) {
#if ${FIRST}
    var result = 0xffffffffu;
#else
    var result = 0u;
#endif
    for (var i = j; i < params.count; i += params.width) {
      let found = (x[i] & EXPONENT) == EXPONENT;
#if ${FIRST}
      let indices = select(vec4u(0xffffffffu), vec4u(params.offset + 4u * i) + vec4u(0u, 1u, 2u, 3u), found);
      result = min(result, min(min(indices.x, indices.y), min(indices.z, indices.w)));
#else
      let ones = select(vec4u(0u), vec4u(1u), found);
      result += ones.x + ones.y + ones.z + ones.w;
#endif
    }
    out[params.out_first + j] = result;
  }
}
