// out[p, top + y, left + x] += tile[p, y, x] · rowWeights[y] · columnWeights[x]
//
// tile [planes, tileHeight, tileWidth] is one overlapping piece of out [planes, height, width]; the weights of all
// pieces add up to 1 in every place. One invocation per element of a tile row; rows and planes along the grid's
// other dimensions. What is bound may begin tile_base and out_base elements before plane 0. Dispatches of several tiles on one out run in the order of recording, so the sum has one order.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  if (x < params.tileWidth) {
    let y = id.y;
    let plane = id.z;
    let source = params.tile_base + (plane * params.tileHeight + y) * params.tileWidth + x;
    let to = params.out_base + (plane * params.height + params.top + y) * params.width + params.left + x;
    out[to] += tile[source] * rowWeights[y] * columnWeights[x];
  }
}
