import type { Device } from '@lua-webgpu/kernels';
import {
  backward,
  fromFloat32,
  Gradients,
  Linear,
  Module,
  mean,
  openScope,
  type ParameterArena,
  plainChannels,
  type Shape,
  square,
  sub,
  Tape,
  type Tensor,
  tanh,
} from '@lua-webgpu/tensor';

/** The network of make_fixtures.py. */
export class TwoHeads extends Module {
  readonly fc1 = new Linear(plainChannels(3), plainChannels(8));
  readonly a = new Linear(plainChannels(8), plainChannels(2));
  readonly b = new Linear(plainChannels(8), plainChannels(4));

  override members() {
    return { fc1: this.fc1, a: this.a, b: this.b };
  }

  forward(x: Tensor, head: 'a' | 'b'): Tensor {
    return this[head].forward(tanh(this.fc1.forward(x)));
  }
}

export interface HostArray {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export interface Batch {
  readonly x: HostArray;
  readonly targets: Readonly<Record<'a' | 'b', HostArray>>;
}

/** Numbers in [−1, 1) that look random. */
export const waves = (shape: Shape, phase = 0): HostArray => ({
  shape,
  data: Float32Array.from(
    { length: shape.reduce((product, size) => product * size, 1) },
    (_, i) => Math.sin(12.9898 * (i + 1) + phase) % 1,
  ),
});

export const batch: Batch = { x: waves([5, 3]), targets: { a: waves([5, 2], 1), b: waves([5, 4], 2) } };

/** A network with values in every parameter, by the seed. */
export function makeNetwork(device: Device, seed = 0): TwoHeads {
  const network = new TwoHeads();
  const values = [...network.namedParameters()].map(
    ([name, { shape }], i) => [name, fromFloat32(waves(shape, seed + i).data, shape)] as const,
  );
  network.loadStateDict(device, new Map(values));
  return network;
}

/** The sum of the heads' mean squared errors, and its gradients, which the caller disposes. */
export async function lossAndGradients(
  device: Device,
  network: TwoHeads,
  { x, targets }: Batch,
  heads: readonly ('a' | 'b')[] = ['a', 'b'],
): Promise<{ loss: number; gradients: Gradients }> {
  using scope = openScope(device);
  const gradients = new Gradients(device);
  let total = 0;
  for (const head of heads) {
    using tape = new Tape();
    const target = targets[head];
    const y = network.forward(tape.constant(scope.tensor(x.data, x.shape)), head);
    const loss = mean(square(sub(y, scope.tensor(target.data, target.shape))));
    backward(loss, { into: gradients });
    total += (await loss.readFloats())[0] as number;
  }
  return { loss: total, gradients };
}

/** A store with the given gradients (in PyTorch's layout) for parameters of an arena. */
export function gradientsOf(arena: ParameterArena, values: (name: string, shape: Shape) => Float32Array) {
  const gradients = new Gradients(arena.device);
  using scope = openScope(arena.device);
  for (const { name, parameter } of arena.slots) {
    const { packing, shape } = parameter;
    const packed = scope.tensor(packing.pack(values(name, shape)), packing.packedShape);
    gradients.accumulate(parameter, packing.packedShape, packed);
  }
  return gradients;
}

/** The parameters by name, in PyTorch's layout. */
export async function valuesOf(network: Module): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, parameter] of network.namedParameters()) {
    values.set(name, parameter.packing.unpack(await parameter.tensor.readFloats()));
  }
  return values;
}
