// Eight independent chains of vec4 multiply-adds per invocation, `steps` long: how fast the adapter computes when
// memory plays no part. The result is stored so that nothing can be left out.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let a = vec4f(0.999 + f32(id.x) * 1e-9);
  let b = vec4f(1e-3);
  var c0 = vec4f(0.1); var c1 = vec4f(0.2); var c2 = vec4f(0.3); var c3 = vec4f(0.4);
  var c4 = vec4f(0.5); var c5 = vec4f(0.6); var c6 = vec4f(0.7); var c7 = vec4f(0.8);
  for (var i = 0u; i < params.steps; i++) {
    c0 = c0 * a + b; c1 = c1 * a + b; c2 = c2 * a + b; c3 = c3 * a + b;
    c4 = c4 * a + b; c5 = c5 * a + b; c6 = c6 * a + b; c7 = c7 * a + b;
  }
  to[id.x] = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7;
}
