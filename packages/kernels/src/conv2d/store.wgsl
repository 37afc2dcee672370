// What the direct variants that work on vec4 do with a finished sum. Uses the kernel's bindings and its params pixels, cout4,
// out_offset and slope.

fn store(pixel: u32, channel: u32, sum: vec4f) {
  if (pixel < params.pixels && channel < params.cout4) {
    var value = sum;
#if ${HAS_BIAS}
    value += bias[channel];
#endif
    out[params.out_offset + pixel * params.cout4 + channel] = activate(value, params.slope);
  }
}
