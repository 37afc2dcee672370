// Where the variants on vec4 put the sums of four rows. Uses the kernel's bindings and its params rows4, cout4 and out_offset.

fn store(part: u32, row: u32, channel: u32, r0: vec4f, r1: vec4f, r2: vec4f, r3: vec4f) {
  if (row < params.rows4 && channel < params.cout4) {
    let at = params.out_offset + (part * params.rows4 + row) * 4u * params.cout4 + channel;
    out[at] = r0;
    out[at + params.cout4] = r1;
    out[at + 2u * params.cout4] = r2;
    out[at + 3u * params.cout4] = r3;
  }
}
