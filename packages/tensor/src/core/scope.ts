import { type Device, LifetimeError, ShapeError } from '@lua-webgpu/kernels';
import { byteLength, type DType } from './dtype.ts';
import { checkShape, elements, formatShape, type Shape } from './shape.ts';
import { Storage, Tensor } from './tensor.ts';

/** Values that a tensor can be made of. */
export type TensorData = Float32Array | Int32Array | Uint32Array | readonly number[];

/**
 * Owns tensors and disposes them when it ends. Scopes nest; there is no current one, so concurrent callers cannot
 * take each other's tensors.
 *
 * ```ts
 * using scope = openScope(device);
 * const x = scope.tensor([1, 2, 3, 4], [2, 2]);
 * ```
 */
export class Scope {
  readonly device: Device;
  readonly parent: Scope | undefined;
  readonly depth: number;
  readonly #tensors = new Set<Tensor>();
  readonly #children = new Set<Scope>();
  #disposed = false;

  constructor(device: Device, parent?: Scope) {
    this.device = device;
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : 0;
    if (parent) parent.#children.add(this);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** A scope inside this one; ends with it at the latest. */
  child(): Scope {
    this.#open('child');
    return new Scope(this.device, this);
  }

  /**
   * Uploads values. The dtype follows the array: Int32Array i32, Uint32Array u32, else f32.
   * @throws ShapeError `shape-mismatch`, `shape-invalid`, `dtype-unknown`, AllocationError
   */
  tensor(data: TensorData, shape: Shape): Tensor {
    this.#open('tensor');
    checkShape(shape);
    checkCount('tensor', data.length, shape);
    const array = ArrayBuffer.isView(data) ? data : Float32Array.from(data);
    const dtype = dtypeOf(array);
    const storage = new Storage(this.device.upload(array, 'tensor'), 'tensor', { shape, dtype });
    return new Tensor({ shape, dtype, storage, scope: this });
  }

  /**
   * f32 values that stay the same from call to call, such as the weights of a filter, from a table that the device keeps:
   * unlike `tensor` it may be a part of captured work.
   * @param key says everything that the values depend on
   * @throws ShapeError `shape-mismatch`, `shape-invalid`; AllocationError
   */
  constant(key: string, make: () => ArrayLike<number>, shape: Shape): Tensor {
    const tensor = this.empty(shape, 'f32', key);
    const table = this.device.tables.get(`constant ${key} ${formatShape(shape)}`, () => {
      const values = Float32Array.from(make());
      checkCount('constant', values.length, shape);
      return values;
    });
    if (tensor.size > 0) this.device.copy(table, 0, tensor.buffer(), 0, table.byteLength);
    return tensor;
  }

  /** A tensor of unspecified content, for an op to fill. @throws ShapeError `shape-invalid`, AllocationError */
  empty(shape: Shape, dtype: DType = 'f32', label = 'tensor'): Tensor {
    this.#open(label);
    checkShape(shape);
    const buffer = this.device.allocate(byteLength(dtype, elements(shape)), label);
    const storage = new Storage(buffer, label, { shape, dtype });
    return new Tensor({ shape, dtype, storage, scope: this });
  }

  /** The caller's GPUBuffer (usage STORAGE | COPY_SRC | COPY_DST) as a tensor, without a copy. It stays the caller's. */
  wrap(buffer: GPUBuffer, shape: Shape, dtype: DType = 'f32'): Tensor {
    this.#open('wrap');
    checkShape(shape);
    const bytes = byteLength(dtype, elements(shape));
    if (buffer.size < bytes) {
      throw new ShapeError(
        'shape-mismatch',
        `wrap: a buffer of ${buffer.size} bytes cannot hold ${formatShape(shape)} ${dtype} (${bytes} bytes)`,
        'Pass a larger buffer or a smaller shape.',
      );
    }
    const storage = new Storage(this.device.wrap(buffer, bytes), 'wrap', { shape, dtype });
    return new Tensor({ shape, dtype, storage, scope: this });
  }

  /**
   * The same memory as a tensor of this scope, so that what is computed from it lands here. It may come from any
   * scope of the device, and lives at least as long as this handle on it.
   * @throws LifetimeError `tensor-disposed`, `tensor-device`, `scope-ended`
   */
  borrow(tensor: Tensor): Tensor {
    if (tensor.device !== this.device) {
      throw new LifetimeError(
        'tensor-device',
        `borrow: the tensor ${formatShape(tensor.shape)} is on another device than the scope`,
        'Read it back and upload it.',
      );
    }
    return tensor.view(this);
  }

  /** Moves a tensor to the parent scope; out of all scopes for a root, and then disposing it is the caller's. */
  keep(tensor: Tensor): Tensor {
    tensor.buffer('keep');
    if (!tensor.scope || !this.isAncestorOf(tensor.scope)) {
      throw new LifetimeError(
        'scope-unrelated',
        `keep: the tensor ${formatShape(tensor.shape)} does not belong to this scope`,
        'Keep tensors made in this scope or in one inside it.',
      );
    }
    tensor.moveTo(this.parent);
    return tensor;
  }

  isAncestorOf(other: Scope): boolean {
    let scope: Scope | undefined = other;
    while (scope && scope.depth > this.depth) scope = scope.parent;
    return scope === this;
  }

  /** Called by tensors. */
  adopt(tensor: Tensor): void {
    this.#open('adopt');
    this.#tensors.add(tensor);
  }

  /** Called by tensors. */
  forget(tensor: Tensor): void {
    this.#tensors.delete(tensor);
  }

  /** Disposes every tensor and child scope. Calling it again does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    for (const child of this.#children) child.dispose();
    for (const tensor of this.#tensors) tensor.dispose();
    this.#disposed = true;
    if (this.parent) this.parent.#children.delete(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #open(action: string): void {
    if (this.#disposed) {
      throw new LifetimeError(
        'scope-ended',
        `${action}: the scope has ended`,
        'Make the tensor in a scope that is open.',
      );
    }
  }
}

function dtypeOf(array: unknown): DType {
  if (array instanceof Float32Array) return 'f32';
  if (array instanceof Int32Array) return 'i32';
  if (array instanceof Uint32Array) return 'u32';
  throw new ShapeError(
    'dtype-unknown',
    'tensor: the values are no Float32Array, Int32Array, Uint32Array or array of numbers',
    'Convert them, for instance with Float32Array.from(values).',
  );
}

/** A root scope on a device. */
export function openScope(device: Device): Scope {
  return new Scope(device);
}

/** @throws ShapeError `shape-mismatch` */
function checkCount(what: string, values: number, shape: Shape): void {
  if (values === elements(shape)) return;
  throw new ShapeError(
    'shape-mismatch',
    `${what}: ${values} values do not fill ${formatShape(shape)}`,
    `Pass ${elements(shape)} values.`,
  );
}

/**
 * Computes in a scope of its own inside the operand's: the result moves to the operand's scope, everything else that
 * `compute` made is released.
 * @throws LifetimeError `scope-none` when the operand has no scope
 */
export function scoped(x: Tensor, compute: (x: Tensor) => Tensor): Tensor {
  using inner = joinScopes('scoped', [x]).child();
  return inner.keep(compute(inner.borrow(x)));
}

/** Applies layers one after the other, releasing each result once the next is there. */
export function chain(x: Tensor, layers: readonly ((x: Tensor) => Tensor)[]): Tensor {
  return scoped(x, (input) => {
    let current = input;
    for (const layer of layers) {
      const next = layer(current);
      current.dispose();
      current = next;
    }
    return current;
  });
}

/**
 * The innermost scope of an op's operands, which its result joins. Operands without a scope (parameters) join any.
 * @throws LifetimeError `scope-unrelated`, `scope-none`, `tensor-device`
 */
export function joinScopes(op: string, operands: readonly Tensor[]): Scope {
  let inner: Scope | undefined;
  for (const operand of operands) {
    if (operands[0] && operand.device !== operands[0].device) {
      throw new LifetimeError(
        'tensor-device',
        `${op}: the operands are on two devices`,
        'Read one back and upload it.',
      );
    }
    const { scope } = operand;
    if (!scope) continue;
    if (!inner || inner.isAncestorOf(scope)) inner = scope;
    else if (!scope.isAncestorOf(inner)) {
      throw new LifetimeError(
        'scope-unrelated',
        `${op}: the operands belong to scopes that are not nested in each other`,
        'Make one scope a child of the other, or keep() a tensor into a common parent.',
      );
    }
  }
  if (inner) return inner;
  throw new LifetimeError(
    'scope-none',
    `${op}: no operand belongs to a scope, so its result would have no owner`,
    'Make one operand in a scope: scope.tensor(data, shape).',
  );
}
