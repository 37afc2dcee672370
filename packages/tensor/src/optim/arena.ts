import { type Device, type GpuBuffer, LifetimeError, type Segment } from '@lua-webgpu/kernels';
import { byteLength, elements, type Tensor } from '../core/index.ts';
import type { Parameter } from '../nn/index.ts';

/** Any device can bind at these offsets; whole vec4s besides. */
const alignment = 256;

/** Where a parameter lies. */
export interface Slot {
  readonly name: string;
  readonly parameter: Parameter;
  /** Number of the arena's buffer. */
  readonly chunk: number;
  /** First byte in that buffer. */
  readonly offset: number;
  /** Bytes up to the next slot: the parameter and zeros behind it. */
  readonly bytes: number;
}

/** Neighbouring slots, for one dispatch. */
export interface Run {
  readonly chunk: number;
  readonly offset: number;
  readonly bytes: number;
  readonly slots: readonly Slot[];
}

/** One value for every value of an arena's parameters, in the same places: the parameters, gradients, moments, averages. */
export class ArenaBuffers {
  readonly device: Device;
  readonly #buffers: readonly GpuBuffer[];

  /** Zeros. @throws AllocationError */
  constructor(device: Device, sizes: readonly number[], label: string) {
    this.device = device;
    this.#buffers = sizes.map((bytes) => device.allocate(bytes, label));
    for (const buffer of this.#buffers) device.clear(buffer);
  }

  chunk(index: number): GpuBuffer {
    return this.#buffers[index] as GpuBuffer;
  }

  segment({ chunk, offset, bytes }: Run): Segment {
    return { buffer: this.chunk(chunk), offset, size: bytes };
  }

  /** Records a copy of everything. */
  copyFrom(from: ArenaBuffers): void {
    this.#buffers.forEach((to, index) => {
      this.device.copy(from.chunk(index), 0, to, 0, to.byteLength);
    });
  }

  /** The values of one slot in the parameter's own layout, as a state dict shows them. */
  async read({ parameter, chunk, offset }: Slot): Promise<Float32Array> {
    const { packing } = parameter;
    const bytes = byteLength('f32', elements(packing.packedShape));
    return packing.unpack(new Float32Array(await this.device.read(this.chunk(chunk), offset, bytes)));
  }

  /** Uploads the values of one slot, given as `read` gives them. */
  write({ parameter, chunk, offset }: Slot, values: Float32Array): void {
    this.device.write(this.chunk(chunk), offset, parameter.packing.pack(values));
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.release();
  }
}

/**
 * Moves parameters into as few device buffers as they fit in, each no larger than one binding, so that a step of an
 * optimiser is one dispatch per buffer instead of one per parameter. The parameters become views of these buffers: ops
 * go on taking them as they are, and nothing is copied between an optimiser and the network. (Gradients come from the
 * backward pass in buffers of their own and are gathered by one copy each.)
 *
 * Make it after the parameters have values. Loading a state dict later writes into the arena. Disposing the arena leaves
 * the parameters alive; their memory goes back with the last of both.
 *
 * @example new ParameterArena(model.namedParameters())
 */
export class ParameterArena {
  readonly device: Device;
  readonly slots: readonly Slot[];
  readonly #sizes: readonly number[];
  readonly #values: ArenaBuffers;
  readonly #placed: ReadonlyMap<Slot, Tensor>;
  #borrower: object | undefined;

  /**
   * @param parameters by name; leave out those that are not to be trained
   * @throws LifetimeError `arena-empty`, `arena-shared` for one given twice, `parameter-empty`, `tensor-device`
   * @throws AllocationError
   */
  constructor(parameters: Iterable<readonly [name: string, parameter: Parameter]>) {
    const named = [...parameters];
    const [first] = named;
    if (!first) {
      throw new LifetimeError('arena-empty', 'an arena of no parameters', 'Pass model.namedParameters().');
    }
    const twice = named.find(([, each], index) => named.findIndex(([, other]) => other === each) !== index);
    if (twice) {
      throw new LifetimeError(
        'arena-shared',
        `the parameter ${twice[0]} is given a second time`,
        'Pass every parameter once.',
      );
    }
    this.device = first[1].tensor.device;
    const { maxStorageBufferBindingSize, maxBufferSize } = this.device.capabilities.limits;
    const { slots, sizes } = layOut(named, Math.min(maxStorageBufferBindingSize, maxBufferSize));
    this.slots = slots;
    this.#sizes = sizes;
    this.#values = new ArenaBuffers(this.device, sizes, 'parameters');
    this.#placed = new Map(
      slots.map((slot) => {
        const { parameter, chunk, offset } = slot;
        const bytes = byteLength('f32', elements(parameter.packing.packedShape));
        parameter.placeIn(this.#values.chunk(chunk).view(offset, bytes));
        return [slot, parameter.tensor];
      }),
    );
  }

  /** The parameters themselves. */
  get values(): ArenaBuffers {
    return this.#values;
  }

  /** As much memory again, zeros, in the same places. @throws AllocationError */
  allocate(label: string): ArenaBuffers {
    return new ArenaBuffers(this.device, this.#sizes, label);
  }

  /** Slots that `keyOf` gives the same key, joined where they are neighbours; those that get undefined are left out. */
  runs(keyOf: (slot: Slot) => unknown = () => 0): Run[] {
    const runs: { chunk: number; offset: number; bytes: number; slots: Slot[]; key: unknown }[] = [];
    for (const slot of this.slots) {
      const key = keyOf(slot);
      const last = runs.at(-1);
      if (key === undefined) continue;
      const follows = last?.chunk === slot.chunk && last.offset + last.bytes === slot.offset;
      if (last && follows && last.key === key) {
        last.bytes += slot.bytes;
        last.slots.push(slot);
      } else {
        runs.push({ ...slot, slots: [slot], key });
      }
    }
    return runs;
  }

  /**
   * Says that the parameters are about to be changed in place. While they are lent, only to the borrower.
   * @throws LifetimeError `arena-left` where a parameter was disposed and made anew, `arena-lent`
   */
  touch(by: object, slots: readonly Slot[] = this.slots): void {
    const name = by.constructor.name;
    if (this.#borrower && this.#borrower !== by) {
      throw new LifetimeError(
        'arena-lent',
        `${name}: the parameters are lent to an ${this.#borrower.constructor.name}`,
        'Wait until it has put them back.',
      );
    }
    for (const slot of slots) {
      if (slot.parameter.loaded && slot.parameter.tensor === this.#placed.get(slot)) continue;
      throw new LifetimeError(
        'arena-left',
        `${name}: the parameter ${slot.name} no longer lies in the arena`,
        'Make a new arena (and optimiser) after disposing or placing parameters anew.',
      );
    }
    for (const { parameter } of slots) parameter.tensor.markModified();
  }

  /** From now on only `borrower` may change the parameters; undefined ends that. */
  lendTo(borrower: object | undefined): void {
    this.#borrower = borrower;
  }

  /** Gives up the arena's hold on the memory; the parameters keep theirs. */
  dispose(): void {
    this.#values.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Parameters one behind the other, a new buffer where `limit` bytes are passed. */
function layOut(
  named: readonly (readonly [string, Parameter])[],
  limit: number,
): { slots: Slot[]; sizes: number[] } {
  const slots: Slot[] = [];
  const sizes: number[] = [];
  for (const [name, parameter] of named) {
    const size = byteLength('f32', elements(parameter.packing.packedShape));
    const bytes = Math.max(1, Math.ceil(size / alignment)) * alignment;
    const used = sizes.at(-1);
    if (used === undefined || used + bytes > limit) sizes.push(0);
    const chunk = sizes.length - 1;
    const offset = sizes[chunk] as number;
    slots.push({ name, parameter, chunk, offset, bytes });
    sizes[chunk] = offset + bytes;
  }
  return { slots, sizes };
}
