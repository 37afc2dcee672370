// out[out_first + Σ c·out_stride] = x[x_first + Σ c·x_stride] over a box of coordinates c: permute, slice and concat.
//
// RANK axes, numbered from the innermost: sizes size0 … size3, the outermost's being implied by `count`; out's innermost
// stride is 1. An element is a u32 (any 32-bit type) or, in copy-vector, a vec4u. Bits are copied, so NaN payloads and
// subnormals survive.
//
// An invocation copies up to four elements of one row (an innermost axis), chunks = ⌈size0 / 4⌉ apart, so that lanes
// read and write neighbouring addresses and the divisions that find the row are shared. `count` = rows · chunks
// invocations; the grid is folded into two dimensions.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * WORKGROUP_X + id.x;
  if (i < params.count) {
    let chunks = (params.size0 + 3u) / 4u;
    var rest = i / chunks;
    var from_at = params.x_first;
    var to_at = params.out_first;
    if (RANK == 2u) {
      from_at += rest * params.x_stride1;
      to_at += rest * params.out_stride1;
    } else if (RANK > 2u) {
      from_at += rest % params.size1 * params.x_stride1;
      to_at += rest % params.size1 * params.out_stride1;
      rest /= params.size1;
    }
    if (RANK == 3u) {
      from_at += rest * params.x_stride2;
      to_at += rest * params.out_stride2;
    } else if (RANK > 3u) {
      from_at += rest % params.size2 * params.x_stride2;
      to_at += rest % params.size2 * params.out_stride2;
      rest /= params.size2;
    }
    if (RANK == 4u) {
      from_at += rest * params.x_stride3;
      to_at += rest * params.out_stride3;
    } else if (RANK > 4u) {
      from_at += rest % params.size3 * params.x_stride3 + rest / params.size3 * params.x_stride4;
      to_at += rest % params.size3 * params.out_stride3 + rest / params.size3 * params.out_stride4;
    }
    for (var c = i % chunks; c < params.size0; c += chunks) {
      out[to_at + c] = x[from_at + c * params.x_stride0];
    }
  }
}
