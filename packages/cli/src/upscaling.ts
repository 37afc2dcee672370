import type { Device } from '@lua-webgpu/kernels';
import { type HostLatent, type Lua, upscale } from '@lua-webgpu/lua-model';
import { type FloatFileDtype, openScope } from '@lua-webgpu/tensor';
import type { CommandContext } from './command.ts';
import type { Stopwatch } from './device.ts';
import type { LatentFile } from './latent-file.ts';
import type { Output } from './output.ts';

export interface UpscalingOptions {
  readonly scale: number;
  readonly tile?: number | undefined;
  readonly overlap?: number | undefined;
  readonly bound?: number | undefined;
  /** Before the progress bar. */
  readonly label: string;
}

/** Uploads a latent, upscales it and reads the result back; phases `upscale` and `read` on the watch. */
export async function upscaleOnDevice(
  device: Device,
  model: Lua,
  latent: HostLatent,
  options: UpscalingOptions,
  { output, signal }: CommandContext,
  watch: Stopwatch,
): Promise<HostLatent> {
  using scope = openScope(device);
  const { scale, tile, overlap, bound, label } = options;
  const onProgress = ({ done, total }: { done: number; total: number }) =>
    output.progress(label, done, total);
  const result = await watch.time('upscale', async () => {
    const tensor = scope.tensor(latent.data, latent.shape);
    const upscaled = await upscale(model, tensor, { scale, tile, overlap, bound, signal, onProgress });
    await device.synchronize();
    return upscaled;
  });
  const data = await watch.time('read', () => result.readFloats());
  return { data, shape: result.shape };
}

/** The input's dtype for a half-precision latent, else F32; F32 as well where a value would not fit F16. */
export function storedDtype(
  input: LatentFile['dtype'],
  values: Float32Array,
  output: Output,
): FloatFileDtype {
  if (input === 'BF16') return 'BF16';
  if (input !== 'F16') return 'F32';
  const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  if (largest < 65520) return 'F16';
  output.warn(`the result reaches ${largest}, beyond F16 like the input; it is written as F32`);
  return 'F32';
}
