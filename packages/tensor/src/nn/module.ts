import { type Device, type GpuBuffer, LifetimeError, ShapeError } from '@lua-webgpu/kernels';
import {
  elements,
  formatShape,
  type GradientSource,
  type Shape,
  Storage,
  sameShape,
  Tensor,
} from '../core/index.ts';
import { type FileTensor, fromFloat32, toFloat32 } from '../files/index.ts';
import type { Packing } from './packing.ts';

/** Values of a fresh parameter in PyTorch's layout. */
export type Initializer = (seed: number, name: string, count: number) => Float32Array;

/** A trainable tensor. On the device it has the packed layout; a state dict shows PyTorch's. */
export class Parameter {
  readonly packing: Packing;
  readonly #initialize: Initializer;
  #tensor: Tensor | undefined;
  #placed = false;
  #frozen = false;

  constructor(packing: Packing, initialize: Initializer) {
    this.packing = packing;
    this.#initialize = initialize;
  }

  get shape(): Shape {
    return this.packing.shape;
  }

  /** The packed values on the device. @throws LifetimeError `parameter-empty` before `load` or `initialize` */
  get tensor(): Tensor {
    if (this.#tensor) return this.#tensor;
    throw new LifetimeError(
      'parameter-empty',
      `a parameter ${formatShape(this.shape)} has no values yet`,
      'Call module.initialize(device, seed) or module.loadStateDict(device, tensors) first.',
    );
  }

  get loaded(): boolean {
    return this.#tensor !== undefined;
  }

  /** Whether gradients are made for it: as PyTorch's `requires_grad`. */
  get requiresGrad(): boolean {
    return !this.#frozen;
  }

  /** From now on a constant: what is recorded with it makes no gradient for it. */
  freeze(): void {
    this.#frozen = true;
    this.#tensor?.place(undefined, this.#leaf());
  }

  /** Undoes `freeze`. */
  unfreeze(): void {
    this.#frozen = false;
    this.#tensor?.place(undefined, this.#leaf());
  }

  initialize(device: Device, seed: number, name: string): void {
    this.assign(device, this.#initialize(seed, name, elements(this.shape)));
  }

  /** Uploads values given in PyTorch's layout, to where the parameter lies if that is an arena. */
  assign(device: Device, values: Float32Array): void {
    const packed = this.packing.pack(values);
    if (this.#tensor && this.#placed) {
      device.write(this.#tensor.buffer('assign'), 0, packed);
      this.#tensor.markModified();
    } else {
      this.#holdIn(device.upload(packed, 'parameter'));
    }
  }

  /** Moves the values into a buffer, which the parameter takes over; called by ParameterArena. */
  placeIn(buffer: GpuBuffer): void {
    const before = this.tensor.buffer('placeIn');
    before.device.copy(before, 0, buffer, 0, before.byteLength);
    this.#holdIn(buffer);
    this.#placed = true;
  }

  #holdIn(buffer: GpuBuffer): void {
    this.#tensor?.dispose();
    const spec = { shape: this.packing.packedShape, dtype: 'f32' } as const;
    this.#tensor = new Tensor({
      ...spec,
      storage: new Storage(buffer, 'parameter', spec),
      scope: undefined,
      source: this.#leaf(),
    });
  }

  #leaf(): GradientSource | undefined {
    return this.#frozen ? undefined : { kind: 'leaf', key: this, shape: this.packing.packedShape };
  }

  dispose(): void {
    this.#tensor?.dispose();
    this.#tensor = undefined;
    this.#placed = false;
  }
}

/** What `loadStateDict` found. */
export interface LoadReport {
  readonly loaded: readonly string[];
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly misshapen: readonly { name: string; expected: Shape; actual: Shape }[];
}

type Members = Readonly<Record<string, Module | Parameter>>;

/** A part of a network. `members` names its parameters and sub-modules as the state dict does. */
export abstract class Module {
  abstract members(): Members;

  /** Constant tensors that a state dict carries beside the parameters; recomputed, never read. */
  buffers(): Readonly<Record<string, () => FileTensor>> {
    return {};
  }

  *namedParameters(prefix = ''): Generator<[string, Parameter]> {
    for (const [name, member] of Object.entries(this.members())) {
      if (member instanceof Parameter) yield [prefix + name, member];
      else yield* member.namedParameters(`${prefix}${name}.`);
    }
  }

  *namedBuffers(prefix = ''): Generator<[string, () => FileTensor]> {
    for (const [name, make] of Object.entries(this.buffers())) yield [prefix + name, make];
    for (const [name, member] of Object.entries(this.members())) {
      if (member instanceof Module) yield* member.namedBuffers(`${prefix}${name}.`);
    }
  }

  /**
   * Makes constants of all parameters, as PyTorch's `requires_grad_(False)`: a backward pass computes gradients through
   * the module, none of its weights, and keeps nothing for them.
   */
  freeze(): void {
    for (const [, parameter] of this.namedParameters()) parameter.freeze();
  }

  /** Undoes `freeze`, of parts that were frozen by themselves too. */
  unfreeze(): void {
    for (const [, parameter] of this.namedParameters()) parameter.unfreeze();
  }

  /** Fills every parameter from a seed; the same seed gives the same weights. */
  initialize(device: Device, seed = 0): void {
    for (const [name, parameter] of this.namedParameters()) parameter.initialize(device, seed, name);
  }

  /**
   * Uploads the tensors of a state dict. Buffers in it are ignored: they follow from the configuration.
   * @param strict throw `state-dict-mismatch` unless every parameter was found and nothing was left over
   */
  loadStateDict(
    device: Device,
    tensors: ReadonlyMap<string, FileTensor>,
    { strict = true }: { strict?: boolean } = {},
  ): LoadReport {
    const loaded: string[] = [];
    const missing: string[] = [];
    const misshapen: { name: string; expected: Shape; actual: Shape }[] = [];
    const known = new Set([...this.namedBuffers()].map(([name]) => name));
    const fitting: [Parameter, FileTensor][] = [];
    for (const [name, parameter] of this.namedParameters()) {
      known.add(name);
      const tensor = tensors.get(name);
      if (!tensor) missing.push(name);
      else if (!sameShape(tensor.shape, parameter.shape)) {
        misshapen.push({ name, expected: parameter.shape, actual: tensor.shape });
      } else {
        fitting.push([parameter, tensor]);
        loaded.push(name);
      }
    }
    const unexpected = [...tensors.keys()].filter((name) => !known.has(name));
    const report = { loaded, missing, unexpected, misshapen };
    if (strict && missing.length + unexpected.length + misshapen.length > 0) throw mismatch(report);
    for (const [parameter, tensor] of fitting) parameter.assign(device, toFloat32(tensor));
    return report;
  }

  /** Reads every parameter back in PyTorch's layout, with the buffers that PyTorch's strict loading wants. */
  async stateDict(): Promise<Map<string, FileTensor>> {
    const result = new Map<string, FileTensor>();
    for (const [name, parameter] of this.namedParameters()) {
      const values = parameter.packing.unpack(await parameter.tensor.readFloats());
      result.set(name, fromFloat32(values, parameter.shape));
    }
    for (const [name, make] of this.namedBuffers()) result.set(name, make());
    return result;
  }

  /** Releases the parameters' device memory. */
  dispose(): void {
    for (const [, parameter] of this.namedParameters()) parameter.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function mismatch({ missing, unexpected, misshapen }: LoadReport): ShapeError {
  const some = (names: readonly string[]) => names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
  const parts: string[] = [];
  if (missing.length > 0) parts.push(`${missing.length} missing (${some(missing)})`);
  if (unexpected.length > 0) parts.push(`${unexpected.length} unexpected (${some(unexpected)})`);
  if (misshapen.length > 0) {
    const described = misshapen.map(
      ({ name, expected, actual }) => `${name} ${formatShape(actual)} instead of ${formatShape(expected)}`,
    );
    parts.push(`${misshapen.length} of another shape (${some(described)})`);
  }
  return new ShapeError(
    'state-dict-mismatch',
    `the state dict does not fit the network: ${parts.join('; ')}`,
    'Pass the configuration that belongs to these weights, or { strict: false } to load what fits.',
  );
}

/** Sub-modules numbered from 0, as PyTorch's ModuleList. */
export class ModuleList<M extends Module> extends Module {
  readonly items: readonly M[];

  constructor(items: readonly M[]) {
    super();
    this.items = items;
  }

  override members(): Members {
    return Object.fromEntries(this.items.map((item, index) => [String(index), item]));
  }
}

/** Members under names of their own, for the parts of a state dict that have no behaviour. */
export class Group<T extends Members> extends Module {
  readonly parts: T;

  constructor(parts: T) {
    super();
    this.parts = parts;
  }

  override members(): Members {
    return this.parts;
  }
}
