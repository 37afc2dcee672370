// destination[i] = source[i]: how fast the adapter moves memory. Four vec4 per invocation.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let at = id.x * 4u;
  destination[at] = source[at];
  destination[at + 1u] = source[at + 1u];
  destination[at + 2u] = source[at + 2u];
  destination[at + 3u] = source[at + 3u];
}
