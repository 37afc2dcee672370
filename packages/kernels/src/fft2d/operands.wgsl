// How the kernels of this folder read their first and write their last operand. Library.
//
// `source` is real where REAL_INPUT; `out` gets magnitudes where MAGNITUDE, one plane then.

fn source_at(index: u32) -> Complex {
#if ${REAL_INPUT}
  return Complex(source[params.source_re + index], Element());
#else
  return Complex(source[params.source_re + index], source[params.source_im + index]);
#endif
}

fn write_out(index: u32, z: Complex) {
  let value = scaled(z, params.scale);
#if ${MAGNITUDE}
  out[params.out_re + index] = magnitude(value);
#else
  out[params.out_re + index] = value.re;
  out[params.out_im + index] = value.im;
#endif
}
