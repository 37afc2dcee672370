// The vec4s that an invocation of an update kernel works on: four in a row where ADJACENT (one cache line, what
// software adapters want), else WORKGROUP_X apart, so that neighbouring lanes read neighbouring addresses. A workgroup
// covers 4 · WORKGROUP_X vec4s either way. The grid is folded into two dimensions; surplus workgroups get an empty span.

struct Span {
  first: u32,
  end: u32,
  step: u32,
}

fn span_of(group: vec3u, groups: vec3u, lane: u32, count: u32) -> Span {
  let group_first = (group.y * groups.x + group.x) * 4u * WORKGROUP_X;
#if ${ADJACENT}
  let first = group_first + 4u * lane;
  return Span(first, min(first + 4u, count), 1u);
#else
  return Span(group_first + lane, min(group_first + 4u * WORKGROUP_X, count), WORKGROUP_X);
#endif
}
