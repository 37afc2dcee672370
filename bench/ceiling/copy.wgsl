// to[i] = from[i]: how fast the adapter moves memory. Four vec4 per invocation.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let at = id.x * 4u;
  to[at] = from[at];
  to[at + 1u] = from[at + 1u];
  to[at + 2u] = from[at + 2u];
  to[at + 3u] = from[at + 3u];
}
