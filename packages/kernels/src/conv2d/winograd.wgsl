// out[B, Ho, Wo, Cout] = activate(Aᵀ · M · A + bias) for each tile and channel, where each of the 4×4 places of M is a matrix
// product: x_transformed[blocks, 16 places, 16 tiles, Cin] · weight_transformed[16 places, Cin, Cout]. Aᵀ has the rows
// (1, 1, 1, 0), (0, 1, -1, -1): the 3×3 convolution F(2×2, 3×3) of Lavin and Gray 2016, with 16 multiplications for
// four outputs where the direct one has 36.
//
// One workgroup is one subgroup of SUBGROUP_SIZE lanes and computes 16 tiles × SUBGROUP_SIZE vec4 output channels: the
// products of one place after the other as in matmul/subgroup, and what each adds to the tiles' 2×2 outputs, which stay
// with the lanes. So M is never stored. No barriers.
//
// The host guarantees Cin % 4 == 0, Cout % 4 == 0, SUBGROUP_SIZE >= 2, none of the sizes zero. out_offset (in vec4) tells
// where in the binding this dispatch's rows start. Lanes past the last channel, tiles past the last one and outputs of a
// tile past the edges are not stored. Accumulation in f32, input channels ascending. An output's error is in proportion to
// the inputs of its whole tile, 4×4, and to the sums that the transforms make of them, not to its own 3×3 alone.

const TILES: u32 = 16u;

@compute @workgroup_size(SUBGROUP_SIZE, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let channel = group.x * SUBGROUP_SIZE + lane;
  let block = group.z * groups.y + group.y;

  var top_left: array<vec4f, TILES>;
  var top_right: array<vec4f, TILES>;
  var bottom_left: array<vec4f, TILES>;
  var bottom_right: array<vec4f, TILES>;

  var weight_at = channel;
  // Lane l loads tiles l, l + SUBGROUP_SIZE, … of the 16.
  var x_at = (block * 16u * TILES + lane) * params.cin4;
  let lanes_further = SUBGROUP_SIZE * params.cin4;
  for (var y = 0u; y < 4u; y++) {
    for (var x = 0u; x < 4u; x++) {
      var sums = array<vec4f, TILES>();
      for (var c = 0u; c < params.cin4; c++) {
        var loaded: array<vec4f, 8>;
        #repeat (n < 8) if (n * SUBGROUP_SIZE < TILES) { loaded[n] = x_transformed[x_at + n * lanes_further + c]; }
        let w0 = weight_transformed[weight_at];
        let w1 = weight_transformed[weight_at + params.cout4];
        let w2 = weight_transformed[weight_at + 2u * params.cout4];
        let w3 = weight_transformed[weight_at + 3u * params.cout4];
        weight_at += 4u * params.cout4;
        #repeat (n < 16) sums[n] += combine(subgroupBroadcast(loaded[n / SUBGROUP_SIZE], n % SUBGROUP_SIZE), w0, w1, w2, w3);
      }
      x_at += TILES * params.cin4;

      // The entries of Aᵀ for this place.
      let top = select(1.0, 0.0, y == 3u);
      let bottom = select(select(-1.0, 1.0, y == 1u), 0.0, y == 0u);
      let left = select(1.0, 0.0, x == 3u);
      let right = select(select(-1.0, 1.0, x == 1u), 0.0, x == 0u);
      #repeat (n < 16) top_left[n] += top * left * sums[n];
      #repeat (n < 16) top_right[n] += top * right * sums[n];
      #repeat (n < 16) bottom_left[n] += bottom * left * sums[n];
      #repeat (n < 16) bottom_right[n] += bottom * right * sums[n];
    }
  }

  #repeat (n < 16) store(block * TILES + n, channel, top_left[n], top_right[n], bottom_left[n], bottom_right[n]);
}

fn store(index: u32, channel: u32, top_left: vec4f, top_right: vec4f, bottom_left: vec4f, bottom_right: vec4f) {
  if (index < params.tiles && channel < params.cout4) {
    let tile = tile_at(index);
    let row = tile.image * params.out_height + tile.y;
    let at = params.out_offset + (row * params.out_width + tile.x) * params.cout4 + channel;
    let below = at + params.out_width * params.cout4;
    let has_right = tile.x + 1u < params.out_width;
    let has_below = tile.y + 1u < params.out_height;
    out[at] = finish(top_left, channel);
    if (has_right) { out[at + params.cout4] = finish(top_right, channel); }
    if (has_below) { out[below] = finish(bottom_left, channel); }
    if (has_right && has_below) { out[below + params.cout4] = finish(bottom_right, channel); }
  }
}

fn finish(sum: vec4f, channel: u32) -> vec4f {
  var value = sum;
#if ${HAS_BIAS}
  value += bias[channel];
#endif
  return activate(value, params.slope);
}
