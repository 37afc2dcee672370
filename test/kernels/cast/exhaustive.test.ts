import { castFromHalf, castToHalf } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, it } from 'vitest';
import { f16ToF32Bits, f32BitsToF16 } from '../../../packages/tensor/src/files/index.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);

/** Every half, every midpoint of two halves, both with their neighbours, and bits of all kinds. */
function interestingBits(): Uint32Array {
  const bits: number[] = [];
  for (const half of halves) {
    const exact = f16ToF32Bits(half);
    const next = f16ToF32Bits(half ^ 1);
    const middle = exact + Math.trunc((next - exact) / 2);
    for (const center of [exact, middle]) bits.push(center, center - 1, center + 1);
  }
  for (let i = 0; i < 100_000; i++) bits.push(Math.imul(i, 0x9e3779b9) >>> 0);
  return Uint32Array.from(bits, (word) => word >>> 0);
}

for (const adapter of await adapterCases()) {
  describe(`casts by bits on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    for (const variant of ['vector', 'scalar']) {
      it(`every f16 widens exactly (${variant})`, async () => {
        const device = await devices.open({ force: { 'cast-from-half': variant } });
        const x = device.upload(halves);
        const out = device.allocate(4 * halves.length);
        castFromHalf(device, { x, out }, { count: halves.length });
        const actual = new Uint32Array(await device.read(out));
        expect(actual).toEqual(Uint32Array.from(halves, f16ToF32Bits));
        for (const buffer of [x, out]) buffer.release();
      });

      it(`f32 narrows to the nearest f16, ties to even (${variant})`, async () => {
        const device = await devices.open({ force: { 'cast-to-half': variant } });
        const bits = interestingBits();
        const x = device.upload(bits);
        const out = device.allocate(2 * bits.length);
        castToHalf(device, { x, out }, { count: bits.length });
        const actual = new Uint16Array(await device.read(out));
        const expected = Uint16Array.from(bits, f32BitsToF16);
        expect(bits.length % 4).toBe(0);
        expect(actual.findIndex((half, i) => half !== expected[i])).toBe(-1);
        for (const buffer of [x, out]) buffer.release();
      });
    }
  });
}
