import { type Device, LifetimeError } from '@lua-webgpu/kernels';
import { gelu, joinScopes, matmul, openScope, type Scope, scoped, type Tensor } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(LifetimeError);
    return (error as LifetimeError).code;
  }
  return 'nothing was thrown';
};

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  let device: Device;
  let root: Scope;
  beforeAll(async () => {
    device = await devices.open();
    root = openScope(device);
  });
  afterAll(() => devices.close());

  const inUse = () => device.memory().inUse;
  const vector = (scope: Scope, ...values: number[]) => scope.tensor(values, [1, values.length]);

  describe('an op’s result joins', () => {
    test('the innermost scope of the operands, in whatever order they come', () => {
      using outer = root.child();
      using inner = outer.child();
      using innermost = inner.child();
      const [a, b, c] = [vector(outer, 1), vector(inner, 2), vector(innermost, 3)];
      expect(joinScopes('op', [a])).toBe(outer);
      expect(joinScopes('op', [a, b])).toBe(inner);
      expect(joinScopes('op', [b, a])).toBe(inner);
      expect(joinScopes('op', [c, a, b])).toBe(innermost);
      expect(matmul(a, b).scope).toBe(inner);
    });

    test('any scope, where the other operands have none', () => {
      using scope = root.child();
      const free = openScope(device);
      const weight = free.keep(free.tensor([2], [1, 1]));
      expect(weight.scope).toBeUndefined();
      expect(matmul(vector(scope, 1), weight).scope).toBe(scope);
      expect(matmul(weight, vector(scope, 1)).scope).toBe(scope);
      expect(code(() => matmul(weight, weight))).toBe('scope-none');
      expect(code(() => joinScopes('op', []))).toBe('scope-none');
      weight.dispose();
    });

    test('none, where the scopes are not nested in each other: that is an error with the op’s name', () => {
      using left = root.child();
      using right = root.child();
      using below = right.child();
      const [a, b] = [vector(left, 1), vector(below, 2)];
      expect(code(() => matmul(a, b))).toBe('scope-unrelated');
      expect(() => matmul(a, b)).toThrow(/^matmul: /);
      expect(matmul(right.borrow(a), b).scope).toBe(below);
    });

    test('none, where the operands are on two devices', async () => {
      const other = await devices.open({ budgetBytes: 2 ** 30 });
      using scope = root.child();
      using there = openScope(other);
      expect(code(() => matmul(vector(scope, 1), vector(there, 1)))).toBe('tensor-device');
      expect(code(() => scope.borrow(vector(there, 1)))).toBe('tensor-device');
      const free = openScope(other);
      const weight = free.keep(free.tensor([2], [1, 1]));
      expect(code(() => matmul(vector(scope, 1), weight))).toBe('tensor-device');
      weight.dispose();
    });
  });

  describe('the end of a scope', () => {
    test('disposes its tensors and its children, once', () => {
      const before = inUse();
      const scope = root.child();
      const child = scope.child();
      const tensors = [vector(scope, 1), vector(child, 2), gelu(vector(child, 3))];
      expect(inUse()).toBe(before + 4 * 256);
      scope.dispose();
      scope.dispose();
      expect(tensors.map(({ disposed }) => disposed)).toEqual([true, true, true]);
      expect([scope.disposed, child.disposed]).toEqual([true, true]);
      child.dispose();
      expect(inUse()).toBe(before);
      expect(code(() => scope.child())).toBe('scope-ended');
      expect(code(() => vector(child, 1))).toBe('scope-ended');
      expect(code(() => child.empty([1]))).toBe('scope-ended');
      expect(inUse()).toBe(before);
    });

    test('a child that ends alone is forgotten', () => {
      using scope = root.child();
      const outer = vector(scope, 1);
      for (let i = 0; i < 3; i++) {
        using child = scope.child();
        vector(child, 1);
      }
      expect(outer.disposed).toBe(false);
    });

    test('is also where an exception leaves the block', () => {
      const before = inUse();
      expect(() => {
        using scope = root.child();
        vector(scope, 1);
        throw new Error('in between');
      }).toThrow('in between');
      expect(inUse()).toBe(before);
    });

    test('use after dispose names the op and the shape', async () => {
      const scope = root.child();
      const x = scope.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
      scope.dispose();
      x.dispose();
      for (const [name, use] of [
        ['matmul', () => matmul(x, x)],
        ['gelu', () => gelu(x)],
        ['reshape', () => x.reshape([6])],
        ['keep', () => root.keep(x)],
        ['view', () => root.borrow(x)],
      ] as const) {
        expect(code(use), name).toBe('tensor-disposed');
        expect(use).toThrow(new RegExp(`^${name} got a tensor \\[2, 3\\]`));
      }
      await expect(x.read()).rejects.toThrow(/^read got a tensor/);
    });
  });

  describe('keep', () => {
    test('moves a tensor to the parent, from however deep', async () => {
      using outer = root.child();
      let kept: Tensor;
      {
        using scope = outer.child();
        using deep = scope.child();
        kept = scope.keep(vector(deep, 7));
        vector(deep, 8);
      }
      expect(kept.scope).toBe(outer);
      expect([...(await kept.read())]).toEqual([7]);
    });

    test('out of a root makes it the caller’s', async () => {
      const before = inUse();
      const scope = openScope(device);
      const kept = scope.keep(vector(scope, 7));
      scope.dispose();
      expect([...(await kept.read())]).toEqual([7]);
      {
        using owner = kept;
        expect(owner.scope).toBeUndefined();
      }
      expect(kept.disposed).toBe(true);
      expect(inUse()).toBe(before);
    });

    test('only what belongs to the scope', () => {
      using scope = root.child();
      using sibling = root.child();
      expect(code(() => scope.keep(vector(root, 1)))).toBe('scope-unrelated');
      expect(code(() => scope.keep(vector(sibling, 1)))).toBe('scope-unrelated');
      const free = openScope(device);
      const kept = free.keep(vector(free, 1));
      expect(code(() => scope.keep(kept))).toBe('scope-unrelated');
      kept.dispose();
    });
  });

  describe('borrow and scoped', () => {
    test('a borrowed tensor is the same memory, and results land in the borrower', async () => {
      using scope = root.child();
      const before = inUse();
      const x = vector(root, 3);
      const borrowed = scope.borrow(x);
      expect(inUse()).toBe(before + 256);
      expect(borrowed.buffer()).toBe(x.buffer());
      expect(gelu(borrowed).scope).toBe(scope);
      // Whoever is disposed first, the memory lives as long as the last.
      x.dispose();
      expect([...(await borrowed.read())]).toEqual([3]);
      borrowed.dispose();
      expect(inUse()).toBe(before + 256);
    });

    test('borrowing into a scope that has ended takes nothing', () => {
      const before = inUse();
      const ended = root.child();
      ended.dispose();
      const x = vector(root, 3);
      expect(code(() => ended.borrow(x))).toBe('scope-ended');
      x.dispose();
      expect(inUse()).toBe(before);
    });

    test('scoped keeps the result and releases the rest, also when it throws', async () => {
      using scope = root.child();
      const x = vector(scope, 1, 0);
      const before = inUse();
      const y = scoped(x, (inner) => gelu(gelu(gelu(inner))));
      expect(y.scope).toBe(scope);
      expect(inUse()).toBe(before + 256);
      expect((await y.readFloats())[1]).toBe(0);
      expect(() =>
        scoped(x, (inner) => {
          gelu(inner);
          throw new Error('in between');
        }),
      ).toThrow('in between');
      expect(inUse()).toBe(before + 256);
      // The operand itself may be the result.
      expect([...(await scoped(x, (inner) => inner).read())]).toEqual([1, 0]);
      expect(code(() => scoped(x, () => x))).toBe('scope-unrelated');
    });

    test('scoped needs an owner for the result', () => {
      const free = openScope(device);
      const kept = free.keep(vector(free, 1));
      expect(code(() => scoped(kept, gelu))).toBe('scope-none');
      kept.dispose();
    });
  });

  test('two callers whose awaits interleave on one device cannot take each other’s tensors', async () => {
    const before = inUse();
    async function caller(value: number, turns: number): Promise<number[]> {
      using scope = openScope(device);
      const factor = scope.tensor([value], [1, 1]);
      let x = scope.tensor([1], [1, 1]);
      const seen: number[] = [];
      for (let i = 0; i < turns; i++) {
        using step = scope.child();
        const product = matmul(step.borrow(x), step.borrow(factor));
        await new Promise((resolve) => setTimeout(resolve, (i * 7 + value) % 3));
        const next = step.keep(matmul(product, step.tensor([1], [1, 1])));
        seen.push((await next.readFloats())[0] ?? Number.NaN);
        x.dispose();
        x = next;
      }
      return seen;
    }
    const powers = (value: number, turns: number) =>
      Array.from({ length: turns }, (_, i) => value ** (i + 1));
    const results = await Promise.all([caller(2, 9), caller(3, 7), caller(5, 8)]);
    expect(results).toEqual([powers(2, 9), powers(3, 7), powers(5, 8)]);
    expect(inUse()).toBe(before);
  });
});
