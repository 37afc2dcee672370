import { readdirSync } from 'node:fs';
import { type Family, families, LuaWebGpuError } from '@lua-webgpu/kernels';
import { apply, type NdArray, type OpDefinition, openScope, registry } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { expectWithin, materialise } from '../../support/compare.ts';
import { upload } from '../../support/tensors.ts';

const byName = new Map<string, Family<never>>(
  families.map((family) => [family.name, family as Family<never>]),
);

/** Every way to run an op: the default choice, then each variant of each of its families by force. */
function forcings(op: OpDefinition<unknown>): Record<string, string>[] {
  const forced = op.families.flatMap((name) => {
    const family = byName.get(name);
    if (!family)
      throw new Error(`${op.name} names the family ${name}, which packages/kernels/src/all.ts does not list`);
    return family.variants.map((variant) => ({ [name]: variant.name }));
  });
  return [{}, ...forced];
}

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
        const label = Object.entries(force).map(([family, variant]) => ` by ${family}:${variant}`);
        it(`${op.name}${label} agrees with its float64 reference`, async () => {
          const device = await devices.open({ force });
          const notRun: string[] = [];
          let ran = 0;
          for (const [index, sample] of op.samples.entries()) {
            const what = `${op.name}${label} ${sample.name ?? `sample ${index}`}`;
            const inputs = sample.inputs.map((input, position) =>
              materialise(input, 100 * index + position + 1),
            );
            const expected = op.reference(inputs, sample.attributes);
            const bound = op.tolerance(inputs, sample.attributes, expected);
            using scope = openScope(device);
            const run = async () => {
              const tensors = inputs.map((input, i) => input && upload(scope, input, op.inputDTypes?.[i]));
              return await apply(op, tensors, sample.attributes).read();
            };
            try {
              const first = await run();
              expectWithin(first, expected, bound, what);
              for (let repeat = 0; repeat < 2; repeat++) {
                const again = await run();
                expect(bits(again), `${what}: the same bits again`).toEqual(bits(first));
              }
              ran += 1;
            } catch (error) {
              if (!(error instanceof LuaWebGpuError && error.code === 'kernel-forced')) throw error;
              notRun.push(`${what}: ${error.message}`);
            }
          }
          if (Object.keys(force).length === 0) expect(notRun).toEqual([]);
          if (ran === 0) console.warn(`not run on ${adapter.label}: ${notRun[0]}`);
        });
      }

      it(`${op.name} refuses what it cannot take`, async () => {
        const device = await devices.open();
        expect(op.refusals.length).toBeGreaterThan(0);
        for (const { code, inputs, dtypes = op.inputDTypes, attributes } of op.refusals) {
          using scope = openScope(device);
          const tensors = inputs.map(
            (shape, i) => shape && upload(scope, materialise(shape, 1) as NdArray, dtypes?.[i]),
          );
          const what = `${op.name} ${JSON.stringify(inputs)} ${JSON.stringify(attributes)}`;
          expect(
            codeOf(() => apply(op, tensors, attributes)),
            what,
          ).toBe(code);
        }
      });
    }

    it('leaves no memory in use', async () => {
      const device = await devices.open();
      expect(device.memory().inUse).toBe(0);
    });
  });
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof LuaWebGpuError) return error.code;
    throw error;
  }
  return 'accepted';
}

const bits = (values: Float32Array | Int32Array | Uint32Array) =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);
