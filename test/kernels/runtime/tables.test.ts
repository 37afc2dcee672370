import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

for (const adapter of await adapterCases()) {
  describe(`constant tables on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());
    const never = () => {
      throw new Error('made twice');
    };

    it('are made once and hold what was made', async () => {
      const device = await devices.open();
      const table = device.tables.get('three', () => Float32Array.of(1, 2, 3));
      expect(device.tables.get('three', never)).toBe(table);
      expect([...new Float32Array(await device.read(table))]).toEqual([1, 2, 3]);
      device.tables.clear();
    });

    it('are counted apart from what is in use', async () => {
      const device = await devices.open();
      const before = device.memory();
      device.tables.get('counted', () => new Float32Array(1000));
      expect(device.memory().inUse).toBe(before.inUse);
      expect(device.memory().tables).toBeGreaterThanOrEqual(before.tables + 4000);
      device.tables.clear();
      expect(device.memory()).toMatchObject({ inUse: before.inUse, tables: 0 });
    });

    it('go when they are many and large, the least recently used first', async () => {
      const device = await devices.open();
      const megabyte = () => new Float32Array(2 ** 18);
      const first = device.tables.get('0', megabyte);
      const second = device.tables.get('1', megabyte);
      for (let i = 2; i < 32; i++) device.tables.get(`${i}`, megabyte);
      expect(second.released).toBe(false);
      device.tables.get('0', never);
      device.tables.get('32', megabyte);
      expect(second.released).toBe(true);
      expect(first.released).toBe(false);
      device.tables.clear();
      expect(first.released).toBe(true);
    });

    it('stay while they are small, however many', async () => {
      const device = await devices.open();
      const first = device.tables.get('small 0', () => new Float32Array(4));
      for (let i = 1; i < 200; i++) device.tables.get(`small ${i}`, () => new Float32Array(4));
      expect(first.released).toBe(false);
      device.tables.clear();
    });
  });
}
