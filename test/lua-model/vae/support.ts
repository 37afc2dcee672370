import type { Device } from '@lua-webgpu/kernels';
import { type RunBlock, runStored, type Vae } from '@lua-webgpu/lua-model';
import { backward, type FileTensor, fromFloat32, openScope, Tape, type Tensor } from '@lua-webgpu/tensor';
import { entry, type GoldenCase } from '../../golden/load.ts';
import type { HostTensor } from '../../golden/params.ts';

/** The parameters of a golden case as a weight file holds them. */
export function goldenTensors(golden: GoldenCase): Map<string, FileTensor> {
  return new Map([...golden.params()].map(([name, { data, shape }]) => [name, fromFloat32(data, shape)]));
}

/** `in.image`, `in.latent`, `in.cotangent` of a golden case, or what lies under a prefix of it. */
export function goldenInputs(golden: GoldenCase, prefix = '') {
  const input = (name: string) => entry(golden.inputs, `${prefix}in.${name}`);
  return { image: input('image'), latent: input('latent'), cotangent: input('cotangent') };
}

/** What golden cases record: the encoded image, the decoded latent, and the gradient of sum(decoded · cotangent). */
export async function runVae(
  device: Device,
  vae: Vae,
  inputs: ReturnType<typeof goldenInputs>,
  run: RunBlock = runStored,
): Promise<Map<string, HostTensor>> {
  using scope = openScope(device);
  using tape = new Tape();
  const upload = ({ data, shape }: HostTensor) => scope.tensor(data, shape);
  const read = async (x: Tensor) => ({ shape: x.shape, data: await x.readFloats() });
  const encoded = vae.encode(upload(inputs.image), run);
  const latent = tape.watch(upload(inputs.latent));
  const decoded = vae.decode(latent, run);
  using gradients = backward(decoded, { gradient: upload(inputs.cotangent) });
  return new Map([
    ['latent', await read(encoded)],
    ['image', await read(decoded)],
    ['gradient', await read(gradients.of(latent) as Tensor)],
  ]);
}
