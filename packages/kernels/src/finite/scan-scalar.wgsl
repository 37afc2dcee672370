// As scan.wgsl with single elements: for counts that are not multiples of 4, and, where PARTIAL, for the second pass,
// which adds up counts or takes the smallest index. `width` invocations; the grid is folded into two dimensions.

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
#if ${PARTIAL}
      let counted = x[i];
      let index = x[i];
#else
      let found = (x[i] & 0x7f800000u) == 0x7f800000u;
      let counted = select(0u, 1u, found);
      let index = select(0xffffffffu, params.offset + i, found);
#endif
#if ${FIRST}
      result = min(result, index);
#else
      result += counted;
#endif
    }
    out[params.out_first + j] = result;
  }
}
