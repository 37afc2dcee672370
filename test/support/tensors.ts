import { cast, type DType, type NdArray, type Scope, type Tensor } from '@lua-webgpu/tensor';

/** A host array as a tensor of a scope; f16 by way of a cast. */
export function upload(scope: Scope, { data, shape }: NdArray, dtype: DType = 'f32'): Tensor {
  const arrays = { f32: Float32Array, f16: Float32Array, i32: Int32Array, u32: Uint32Array };
  const tensor = scope.tensor(arrays[dtype].from(data), shape);
  return dtype === 'f16' ? cast(tensor, 'f16') : tensor;
}
