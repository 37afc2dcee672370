// The whole transform along an axis in workgroup memory, for lines of up to 512 values with no factors but 2, 3, 5, 7.
//
// source and out [lines / inner, length, inner]: a line's values are `inner` elements apart. One workgroup takes `tile`
// neighbouring lines into its memory, makes the passes described in pass.wgsl there and writes the lines out. A barrier
// between the reads and the writes of a pass lets one copy of the lines suffice. `radices` has the factors of the length
// in groups of four bits, the first pass lowest. Invocation l works on line l mod tile: neighbours read neighbours.
//
// The host guarantees that length · tile is at most CAPACITY, that every pass has at most WORKGROUP_X butterflies and
// that no size is 0. 16 KiB of workgroup memory. For hardware, where barriers cost less than passes through global
// memory. The ends are told apart at run time (`real`, `magnitude`) and every read and write stands here once, since
// compilers need a second for each of the pipelines as it is.

#if ${VECTOR}
const CAPACITY = 512u;
#else
const CAPACITY = 1024u;
#endif

// Value p of line l at p · tile + l.
var<workgroup> values_re: array<Element, CAPACITY>;
var<workgroup> values_im: array<Element, CAPACITY>;

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = params.tile;
  let first_line = (group.y * groups.x + group.x) * tile;
  let count = params.length * tile;

  for (var at = lane; at < count; at += WORKGROUP_X) {
    let index = outside(first_line, at);
    values_re[at] = source[params.source_re + index];
    values_im[at] = Element();
    if (params.real == 0u) {
      values_im[at] = source[params.source_im + index];
    }
  }

  let line = lane % tile;
  var span = 1u;
  for (var radices = params.radices; radices != 0u; radices >>= 4u) {
    let radix = radices & 15u;
    let steps = params.length / radix;
    let j = lane / tile;
    let k = j % span;
    let root = k * (steps / span);
    let read = j * tile + line;
    let read_step = steps * tile;

    workgroupBarrier();
    let z0 = Complex(values_re[read], values_im[read]);
    let z1 = fetch(read + read_step, root);
    var z2 = Complex();
    var z3 = Complex();
    var z4 = Complex();
    var z5 = Complex();
    var z6 = Complex();
    var z7 = Complex();
    if (radix > 2u) {
      z2 = fetch(read + 2u * read_step, 2u * root);
    }
    if (radix > 3u) {
      z3 = fetch(read + 3u * read_step, 3u * root);
    }
    if (radix > 4u) {
      z4 = fetch(read + 4u * read_step, 4u * root);
    }
    if (radix > 5u) {
      z5 = fetch(read + 5u * read_step, 5u * root);
      z6 = fetch(read + 6u * read_step, 6u * root);
    }
    if (radix > 7u) {
      z7 = fetch(read + 7u * read_step, 7u * root);
    }
    workgroupBarrier();

    if (j < steps) {
      var y: array<Complex, 8>;
      switch radix {
        case 2u: {
          let y2 = dft2(z0, z1);
          y[0] = y2[0];
          y[1] = y2[1];
        }
        case 3u: {
          let y3 = dft3(z0, z1, z2);
          y[0] = y3[0];
          y[1] = y3[1];
          y[2] = y3[2];
        }
        case 4u: {
          let y4 = dft4(z0, z1, z2, z3);
          y[0] = y4[0];
          y[1] = y4[1];
          y[2] = y4[2];
          y[3] = y4[3];
        }
        case 5u: {
          let y5 = dft5(z0, z1, z2, z3, z4);
          y[0] = y5[0];
          y[1] = y5[1];
          y[2] = y5[2];
          y[3] = y5[3];
          y[4] = y5[4];
        }
        case 7u: {
          let y7 = dft7(z0, z1, z2, z3, z4, z5, z6);
          y[0] = y7[0];
          y[1] = y7[1];
          y[2] = y7[2];
          y[3] = y7[3];
          y[4] = y7[4];
          y[5] = y7[5];
          y[6] = y7[6];
        }
        default: {
          y = dft8(z0, z1, z2, z3, z4, z5, z6, z7);
        }
      }
      let write = ((j - k) * radix + k) * tile + line;
      let write_step = span * tile;
      keep(write, y[0]);
      keep(write + write_step, y[1]);
      if (radix > 2u) {
        keep(write + 2u * write_step, y[2]);
      }
      if (radix > 3u) {
        keep(write + 3u * write_step, y[3]);
      }
      if (radix > 4u) {
        keep(write + 4u * write_step, y[4]);
      }
      if (radix > 5u) {
        keep(write + 5u * write_step, y[5]);
        keep(write + 6u * write_step, y[6]);
      }
      if (radix > 7u) {
        keep(write + 7u * write_step, y[7]);
      }
    }
    span *= radix;
  }

  workgroupBarrier();
  for (var at = lane; at < count; at += WORKGROUP_X) {
    if (first_line + at % tile < params.lines) {
      let index = outside(first_line, at);
      let z = scaled(Complex(values_re[at], values_im[at]), params.scale);
      if (params.magnitude == 0u) {
        out[params.out_re + index] = z.re;
        out[params.out_im + index] = z.im;
      } else {
        out[params.out_re + index] = magnitude(z);
      }
    }
  }
}

// Where the value at `at` in workgroup memory stands in source and out.
fn outside(first_line: u32, at: u32) -> u32 {
  let position = at / params.tile;
  let line = first_line + at - position * params.tile;
  let outer = line / params.inner;
  return (outer * params.length + position) * params.inner + line - outer * params.inner;
}

fn fetch(at: u32, root: u32) -> Complex {
  return times(Complex(values_re[at], values_im[at]), roots[root]);
}

fn keep(at: u32, z: Complex) {
  values_re[at] = z.re;
  values_im[at] = z.im;
}
