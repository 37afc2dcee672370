import { type NdArray, registry } from '@lua-webgpu/tensor';

/** The float64 reference of an op, which its own tests hold against PyTorch. */
export function opReference(name: string, x: NdArray, attributes: object = {}): NdArray {
  const op = registry.find((each) => each.name === name);
  if (!op) throw new TypeError(`there is no op ${name}`);
  return op.reference([x], attributes);
}

/** mean |a − b| in float64. */
export function meanDifference(a: NdArray, b: NdArray): number {
  return a.data.reduce((sum, value, i) => sum + Math.abs(value - (b.data[i] as number)), 0) / a.data.length;
}

/** a − b in float64. */
export function difference(a: NdArray, b: NdArray): NdArray {
  return { shape: a.shape, data: a.data.map((value, i) => value - (b.data[i] as number)) };
}
