// out[i] = gelu(x[i]), one vec4 per invocation, exact grid. Behind lib/normal.wgsl: the formula is the library's own.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  out[id.x] = gelu(x[id.x]);
}
