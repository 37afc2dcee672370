import { defineKernel, type Grid, read, write } from '@lua-webgpu/kernels';

const wide = (count: number): Grid => [Math.ceil(count / 64), 1, 1];
const oneFlop = () => ({ flops: 1, bytes: 4 });
const entry =
  '@compute @workgroup_size(WORKGROUP_X) fn main(@builtin(global_invocation_id) id: vec3u) { let i = id.x;';

/** out[i] = x[i] + value for the first `count` elements. */
export const add = defineKernel({
  name: 'test/add',
  source: `${entry} if (i < params.count) { out[i] = x[i] + params.value; } }`,
  bindings: { x: read('f32'), out: write('f32') },
  params: { count: 'u32', value: 'f32' },
  workgroup: () => [64, 1, 1],
  grid: ({ count }) => wide(count),
  check: ({ count }) => (count <= 1_000_000 ? undefined : 'count has to be at most 1,000,000'),
  cost: oneFlop,
});

/** out[i] *= 2, without params. */
export const double = defineKernel({
  name: 'test/double',
  source: `${entry} if (i < arrayLength(&out)) { out[i] = out[i] * 2.0; } }`,
  bindings: { out: write('f32') },
  params: {},
  workgroup: () => [64, 1, 1],
  grid: () => [1, 1, 1],
  cost: oneFlop,
});

/** out[at] = value: one dispatch for each element, so that every dispatch has params of its own. */
export const put = defineKernel({
  name: 'test/put',
  source: '@compute @workgroup_size(1) fn main() { out[params.at] = params.value; }',
  bindings: { out: write('f32') },
  params: { at: 'u32', value: 'f32' },
  workgroup: () => [1, 1, 1],
  grid: () => [1, 1, 1],
  cost: oneFlop,
});

/** Exchanges the first 64 elements of a and b. */
export const swap = defineKernel({
  name: 'test/swap',
  source: `${entry} let old = a[i]; a[i] = b[i]; b[i] = old; }`,
  bindings: { a: write('f32'), b: write('f32') },
  params: {},
  workgroup: () => [64, 1, 1],
  grid: () => [1, 1, 1],
  cost: oneFlop,
});

const twenty = Array.from({ length: 20 }, (_, i) => `p${i}`);

/** Params of three types and 80 bytes, more than immediates hold: out[i] = param i. */
export const manyParams = defineKernel({
  name: 'test/many-params',
  source: `@compute @workgroup_size(1) fn main() {
${twenty.map((name, i) => `  out[${i}] = f32(params.${name});`).join('\n')}
}`,
  bindings: { out: write('f32') },
  params: Object.fromEntries(
    twenty.map((name, i) => [name, (['u32', 'i32', 'f32'] as const)[i % 3] ?? 'f32']),
  ),
  workgroup: () => [1, 1, 1],
  grid: () => [1, 1, 1],
  cost: oneFlop,
});

/** Has every kind of constant, and a binding that only one of its pipelines has. */
export const optional = defineKernel({
  name: 'test/optional',
  source: `@compute @workgroup_size(1) fn main() {
  out[0] = f32(FACTOR);
#if \${HAS_BIAS}
  out[0] += bias[0];
#endif
}`,
  constants: { HAS_BIAS: [false, true], FACTOR: [2, 3] },
  bindings: { bias: read('f32', 'HAS_BIAS'), out: write('f32') },
  params: {},
  workgroup: () => [1, 1, 1],
  grid: () => [1, 1, 1],
  cost: oneFlop,
});

/** Does not compile: line 4 of the file, after a removed branch, names something that does not exist. */
export const broken = defineKernel({
  name: 'test/broken',
  source: `// One line of comment.
#if \${FANCY}
#endif
fn helper() -> f32 { return nothing_of_this_name; }
@compute @workgroup_size(1) fn main() { out[0] = helper(); }`,
  libraries: { 'test/library.wgsl': 'fn unused() -> f32 { return 1.0; }\n' },
  constants: { FANCY: [false, true] },
  bindings: { out: write('f32') },
  params: { value: 'f32' },
  workgroup: () => [1, 1, 1],
  grid: () => [1, 1, 1],
  cost: oneFlop,
});
