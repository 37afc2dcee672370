// One value, or four neighbouring ones where VECTOR. Library of the kernels of this folder.

#if ${VECTOR}
alias Element = vec4f;

fn added_up(x: Element) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}
#else
alias Element = f32;

fn added_up(x: Element) -> f32 {
  return x;
}
#endif
