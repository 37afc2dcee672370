// result = [norm, min(1, max_norm / (norm + 1e-6))] with norm = √sum: the factor of PyTorch's clip_grad_norm_, left on the
// device for the update to multiply with. One invocation.

@compute @workgroup_size(WORKGROUP_X, 1, 1)
fn main() {
  let norm = sqrt(sum[0]);
  result[0] = norm;
  result[1] = min(1.0, params.max_norm / (norm + 1e-6));
}
