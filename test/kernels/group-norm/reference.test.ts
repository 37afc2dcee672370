import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  backward,
  groupNorm,
  openScope,
  parseSafetensors,
  permute,
  Tape,
  toFloat32,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { entry, referenceFolder } from '../../golden/load.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

/** Largest error relative to the largest value that the folder's index suggests for this file. */
const tolerance = 1.5e-5;
const cases = [
  { name: 'groupnorm_c12_g3_eps1e-05', groups: 3, eps: 1e-5 },
  { name: 'groupnorm_c32_g32_eps1e-06', groups: 32, eps: 1e-6 },
  { name: 'groupnorm_c64_g32_eps1e-05', groups: 32, eps: 1e-5 },
  { name: 'groupnorm_c64_g32_eps1e-06', groups: 32, eps: 1e-6 },
];

/** Needs the folder that LUA_WEBGPU_GOLDEN names. */
for (const adapter of await adapterCases()) {
  describe.skipIf(referenceFolder() === undefined)(
    `group normalisation and PyTorch on ${adapter.label}`,
    () => {
      const devices = new DeviceSet(adapter);
      afterAll(() => devices.close());

      it.each(cases)('$name, forward and gradients', async ({ name, groups, eps }) => {
        const file = path.join(referenceFolder() ?? '', 'op_norm_act.safetensors');
        const { tensors } = parseSafetensors(readFileSync(file), file);
        using scope = openScope(await devices.open());
        using tape = new Tape();
        const load = (part: string) => {
          const stored = entry(tensors, `${name}/${part}`);
          return scope.tensor(Float32Array.from(toFloat32(stored)), stored.shape);
        };
        const channelsLast = (part: string) => permute(load(part), [0, 2, 3, 1]);
        const x = tape.watch(channelsLast('in.x'));
        const [w, b] = [tape.watch(load('in.w')), tape.watch(load('in.b'))];
        const y = groupNorm(x, w, b, { groups, eps });
        const actual = [await y.readFloats()];
        using gradients = backward(y, { gradient: channelsLast('in.dy') });
        for (const operand of [x, w, b]) {
          actual.push((await gradients.of(operand)?.readFloats()) ?? new Float32Array());
        }
        const parts = [channelsLast('out.y'), channelsLast('grad.x'), load('grad.w'), load('grad.b')];
        for (const [i, part] of parts.entries()) {
          const expected = await part.readFloats();
          expect(actual[i]?.length).toBe(expected.length);
          const largest = Math.max(...expected.map(Math.abs));
          const errors = expected.map((value, at) => Math.abs(value - (actual[i]?.[at] ?? Number.NaN)));
          expect(Math.max(...errors) / largest, `part ${i}`).toBeLessThanOrEqual(tolerance);
        }
      });
    },
  );
}
