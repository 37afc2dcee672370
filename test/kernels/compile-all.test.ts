import { type Constants, constantCombinations, kernels } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../support/adapters.ts';

const full = process.env.LUA_WEBGPU_TEST === 'full';

/** Several variants of a family may share a kernel. */
const distinct = [...new Set(kernels)];
const cases = distinct.map((kernel) => ({ name: kernel.name, kernel }));

/** As few of the combinations as it takes to have every value of every constant: SwiftShader is slow to compile. */
function covering(combinations: readonly Constants[]): Constants[] {
  const pairs = (constants: Constants) =>
    Object.entries(constants).map(([name, value]) => `${name}=${value}`);
  const missing = new Set(combinations.flatMap(pairs));
  const chosen: Constants[] = combinations.slice(0, 1);
  for (const pair of pairs(chosen[0] ?? {})) missing.delete(pair);
  while (missing.size > 0) {
    const gain = (constants: Constants) => pairs(constants).filter((pair) => missing.has(pair)).length;
    const best = combinations.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    chosen.push(best);
    for (const pair of pairs(best)) missing.delete(pair);
  }
  return chosen;
}

test('the short choice has every value, and the first combination', () => {
  const combinations = [1, 2, 3].flatMap((A) => [false, true].map((B) => ({ A, B })));
  expect(covering(combinations)).toEqual([
    { A: 1, B: false },
    { A: 2, B: true },
    { A: 3, B: false },
  ]);
  expect(covering([{}])).toEqual([{}]);
});

test('every kernel has a name of its own', () => {
  const names = distinct.map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test.each(cases)('$name has the workgroup that it declares', ({ kernel }) => {
  for (const constants of constantCombinations(kernel)) {
    const resolved = { ...constants, SUBGROUP_SIZE: 32 };
    const [x, y, z] = kernel.workgroup(resolved);
    const values: Record<string, number> = { ...resolved, WORKGROUP_X: x, WORKGROUP_Y: y, WORKGROUP_Z: z };
    const written = /@workgroup_size\(([^)]*)\)/.exec(kernel.source)?.[1]?.split(',') ?? [];
    const sizes = written.map((size) => values[size.trim()] ?? Number(size));
    expect([sizes[0], sizes[1] ?? 1, sizes[2] ?? 1]).toEqual([x, y, z]);
  }
});

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  /** How many combinations of which kernel were not compiled, by the reason. */
  const left = new Map<string, Map<string, number>>();
  const leaveOut = (reason: string, kernel: string, count: number) => {
    const kernels = left.get(reason) ?? new Map<string, number>();
    left.set(reason, kernels.set(kernel, (kernels.get(kernel) ?? 0) + count));
  };
  afterAll(() => {
    devices.close();
    for (const [reason, kernels] of left) {
      const names = [...kernels].map(([name, count]) => `${name} (${count})`);
      console.log(`not compiled on ${adapter.label}, ${reason}: ${names.join(', ')}`);
    }
  });

  test.each(cases)('$name compiles with its constants', async ({ kernel }) => {
    const device = await devices.open({ poison: false });
    const all = constantCombinations(kernel);
    const chosen = full ? all : covering(all);
    if (chosen.length < all.length) {
      leaveOut('left to npm run test:full', kernel.name, all.length - chosen.length);
    }
    let compiled = 0;
    for (const constants of chosen) {
      const reason = device.unsupported(kernel, constants);
      if (reason) leaveOut(reason, kernel.name, 1);
      else {
        await device.compile(kernel, constants);
        compiled += 1;
      }
    }
    // Only a kernel that asks for something optional may be left out.
    if (!kernel.features?.length) expect(compiled).toBe(chosen.length);
  });
});
