import { readdirSync } from 'node:fs';
import { registry } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { checkForward, checkRefusals, forcings, isOptional, labelOf } from '../../support/op-checks.ts';

describe('the registry', () => {
  it('lists every op that a file defines, once', async () => {
    const folder = new URL('../../../packages/tensor/src/ops/', import.meta.url);
    const defined = new Set<unknown>();
    for (const file of readdirSync(folder)) {
      const module = (await import(new URL(file, folder).href)) as Record<string, unknown>;
      for (const value of Object.values(module).flat()) {
        if (typeof value === 'object' && value !== null && 'infer' in value) defined.add(value);
      }
    }
    expect(new Set(registry)).toEqual(defined);
    expect(new Set(registry.map(({ name }) => name)).size).toBe(registry.length);
  });

  it('says of every op without a vjp why', () => {
    const reasons = registry.flatMap(({ vjp }) => ('none' in vjp ? [vjp.none] : []));
    expect(reasons.filter((reason) => !/^\w+( [\w']+){3,}/.test(reason))).toEqual([]);
  });
});

for (const adapter of await adapterCases()) {
  describe(`ops on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const op of registry) {
      for (const force of forcings(op)) {
        const label = labelOf(op, force);
        it(`${label} agrees with its float64 reference`, async () => {
          const device = await devices.open({ force });
          const { ran, notRun } = await checkForward(device, op, label);
          if (Object.keys(force).length === 0) expect(notRun).toEqual([]);
          if (!isOptional(force)) expect(ran).toBeGreaterThan(0);
          if (ran === 0) console.warn(`not run on ${adapter.label}: ${notRun[0]}`);
        });
      }

      it(`${op.name} refuses what it cannot take`, async () => {
        checkRefusals(await devices.open(), op);
      });
    }

    it('leaves no memory in use', async () => {
      const device = await devices.open();
      expect(device.memory().inUse).toBe(0);
    });
  });
}
