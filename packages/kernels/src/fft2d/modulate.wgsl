// out[o, n, i] = source[o, n, i] · factors[n] for n below both lengths, 0 beyond: a step of Bluestein's transform.
//
// source [images, source_length, inner], out [images, length, inner], both complex. Bluestein (1970) makes a transform
// of any length N a cyclic convolution with exp(πi·n² / N) of a length that has small factors: multiply by the chirp
// and pad, transform, multiply by the chirp's transform, transform back, multiply by the chirp and cut.
//
// `factors` are float64 values rounded once. One invocation computes one element of out.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WORKGROUP_X + lane;
  let total = params.images * params.length * params.inner;
  let row = at / params.inner;
  let image = row / params.length;
  let n = row - image * params.length;
  let read = (image * params.source_length + n) * params.inner + at - row * params.inner;
  let product = times(source_at(read), factors[n]);
  let is_inside = n < params.source_length;
  if (at < total) {
    write_out(at, Complex(select(Element(), product.re, is_inside), select(Element(), product.im, is_inside)));
  }
}
