import { type Device, openDevice } from '@lua-webgpu/kernels';
import { Lua, type LuaConfig } from '@lua-webgpu/lua-model';
import {
  abs,
  add,
  affine,
  type FileTensor,
  fftMagnitude,
  fromFloat32,
  mean,
  openScope,
  sub,
  type Tensor,
  toChannelsLast,
} from '@lua-webgpu/tensor';
import type { HostTensor } from '../golden/params.ts';

/** A model with the parameters of a golden case. */
export function modelWith(device: Device, config: LuaConfig, params: ReadonlyMap<string, HostTensor>): Lua {
  const model = new Lua(config);
  const tensors = new Map<string, FileTensor>();
  for (const [name, { shape, data }] of params) tensors.set(name, fromFloat32(data, shape));
  model.loadStateDict(device, tensors);
  return model;
}

/** Runs a network on a host latent and reads every scale back. */
export async function run(
  model: Lua,
  device: Device,
  input: HostTensor,
): Promise<Map<number, { shape: readonly number[]; data: Float32Array }>> {
  using scope = openScope(device);
  const outputs = model.forward(scope.tensor(input.data, input.shape));
  const results = new Map<number, { shape: readonly number[]; data: Float32Array }>();
  for (const [scale, tensor] of outputs)
    results.set(scale, { shape: tensor.shape, data: await tensor.readFloats() });
  return results;
}

/** The adapter of the model tests: what LUA_WEBGPU_ADAPTER names, else SwiftShader. */
export const openTestDevice = (): Promise<Device> =>
  openDevice({ adapter: process.env.LUA_WEBGPU_ADAPTER ?? 'swiftshader', poison: true });

/** mean|p − t| + 0.1 · mean||F(p)| − |F(t)||, both NCHW. */
export function stageOneLoss(prediction: Tensor, target: Tensor): Tensor {
  const spectrum = (x: Tensor) => fftMagnitude(toChannelsLast(x));
  const pixels = mean(abs(sub(prediction, target)));
  const frequencies = mean(abs(sub(spectrum(prediction), spectrum(target))));
  return add(pixels, affine(frequencies, { scale: 0.1, offset: 0 }));
}
