// out[row·2 + i, column·2 + j, c] = x[row, column, (i·2 + j)·C + c], channels-last, one vec4 of the result per invocation, exact
// grid. Constants: SIDE of x, C4 = C / 4.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(60)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = id.x / C4;
  let channel = id.x % C4;
  let block = (id.y % 2u) * 2u + column % 2u;
  out[id.y * 2u * SIDE * C4 + id.x] = x[((id.y / 2u * SIDE + column / 2u) * 4u + block) * C4 + channel];
}
