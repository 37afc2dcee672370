// transformed[16, Cin, Cout] = G · weight[3, 3, Cin, Cout] · Gᵀ for each pair of channels, the weights of F(2×2, 3×3): G has
// the rows (1, 0, 0), (1/2, 1/2, 1/2), (1/2, -1/2, 1/2), (0, 0, 1). Lavin and Gray 2016, "Fast Algorithms for
// Convolutional Neural Networks", section 4.1.
//
// One invocation transforms one vec4 of output channels of one input channel. `vectors` is Cin · Cout / 4.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let at = (group.y * groups.x + group.x) * WORKGROUP_X + local;
  if (at < params.vectors) {
    let left = down(0u, at);
    let middle = down(1u, at);
    let right = down(2u, at);
    #repeat (y < 4) store_row(y, at, left[y], middle[y], right[y]);
  }
}

// G times a column of the 3×3 weights.
fn down(column: u32, at: u32) -> array<vec4f, 4> {
  let top = weight[column * params.vectors + at];
  let middle = weight[(3u + column) * params.vectors + at];
  let bottom = weight[(6u + column) * params.vectors + at];
  let sum = top + bottom;
  return array(top, 0.5 * (sum + middle), 0.5 * (sum - middle), bottom);
}

fn store_row(y: u32, at: u32, left: vec4f, middle: vec4f, right: vec4f) {
  let sum = left + right;
  store(4u * y, at, left);
  store(4u * y + 1u, at, 0.5 * (sum + middle));
  store(4u * y + 2u, at, 0.5 * (sum - middle));
  store(4u * y + 3u, at, right);
}

fn store(place: u32, at: u32, value: vec4f) {
  transformed[place * params.vectors + at] = value;
}
