import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDevice } from '@lua-webgpu/kernels';
import { AutoencoderTiny, profileOf, type VaePart } from '@lua-webgpu/lua-model';
import { encodeSafetensors, fromFloat32, toFloat32 } from '@lua-webgpu/tensor';

/**
 * Writes an AutoencoderTiny of 8 channels with weights from a seed, in diffusers' names, and returns its path. The name
 * tells the profile.
 */
export async function writeTinyVae(
  folder: string,
  {
    profile = 'flux',
    parts,
  }: { readonly profile?: 'flux' | 'sd3' | 'sdxl'; readonly parts?: readonly VaePart[] } = {},
): Promise<string> {
  const device = await openDevice({ adapter: 'swiftshader' });
  const { channels } = profileOf(profile);
  const blocks = [1, 1, 1, 1];
  const config = { latentChannels: channels, width: 8, encoderBlocks: blocks, decoderBlocks: blocks };
  using vae = new AutoencoderTiny(config, profileOf(profile), parts);
  vae.initialize(device, 7);
  const path = join(folder, `tiny-${profile}-${parts?.join() ?? 'whole'}.safetensors`);
  // Twice the usual initial weights: without, everything is nearly grey.
  const tensors = [...(await vae.stateDict())].map(([name, tensor]) => {
    return [
      name,
      fromFloat32(
        toFloat32(tensor).map((value) => 2 * value),
        tensor.shape,
      ),
    ] as const;
  });
  writeFileSync(path, encodeSafetensors(new Map(tensors)));
  device.destroy();
  return path;
}
