import { Adam, Ema, ParameterArena, toFloat32 } from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { gradientsOf, makeNetwork, valuesOf, waves } from './network.ts';

const code = (expected: string) => expect.objectContaining({ code: expected });

for (const adapter of await adapterCases()) {
  describe(`moving averages on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    async function open() {
      const device = await devices.open();
      const network = makeNetwork(device);
      const arena = new ParameterArena(network.namedParameters());
      const optimizer = new Adam(arena, { lr: 0.1 });
      const ema = new Ema(arena, { decay: 0.75 });
      const step = () => {
        using gradients = gradientsOf(arena, (_, shape) => waves(shape).data);
        optimizer.step(gradients);
      };
      const averages = async () => {
        const entries = [...(await ema.stateDict())];
        return new Map(entries.map(([name, each]) => [name.replace('params_ema.', ''), toFloat32(each)]));
      };
      const dispose = () => {
        for (const each of [ema, optimizer, arena, network]) each.dispose();
      };
      return { device, network, arena, optimizer, ema, step, averages, dispose };
    }

    it('begin with the parameters and follow them', async () => {
      const { network, ema, step, averages, dispose } = await open();
      const first = await valuesOf(network);
      expect(await averages()).toEqual(first);
      step();
      expect(await averages()).toEqual(first);
      ema.update();
      const [now, after] = [await valuesOf(network), await averages()];
      for (const [name, values] of after) {
        values.forEach((value, i) => {
          const expected = 0.75 * (first.get(name)?.[i] as number) + 0.25 * (now.get(name)?.[i] as number);
          expect(value).toBeCloseTo(expected, 6);
        });
      }
      dispose();
    });

    it('take the parameters’ place for as long as apply runs, and after an error too', async () => {
      const { network, ema, step, averages, dispose } = await open();
      step();
      const [now, average] = [await valuesOf(network), await averages()];
      const read = async () => await valuesOf(network);
      expect(await ema.apply(read)).toEqual(average);
      const failing = ema.apply(async () => {
        await read();
        throw new Error('no pictures');
      });
      await expect(failing).rejects.toThrow('no pictures');
      expect(await valuesOf(network)).toEqual(now);
      expect(await averages()).toEqual(average);
      dispose();
    });

    it('meanwhile refuse what would mix the two', async () => {
      const { ema, arena, step, averages, dispose } = await open();
      await ema.apply(async () => {
        using other = new Ema(arena, { decay: 0.5 });
        for (const action of [step, () => ema.update()]) expect(action).toThrow(code('arena-lent'));
        await expect(averages()).rejects.toThrow(code('arena-lent'));
        await expect(ema.apply(() => undefined)).rejects.toThrow(code('arena-lent'));
        expect(() => ema.loadStateDict(new Map())).toThrow(code('arena-lent'));
        expect(() => other.swap()).toThrow(code('arena-lent'));
      });
      step();
      ema.update();
      dispose();
    });

    it('refuse a state of other names', async () => {
      const { ema, dispose } = await open();
      const state = await ema.stateDict();
      state.delete('params_ema.b.bias');
      expect(() => ema.loadStateDict(state)).toThrow(code('state-dict-mismatch'));
      dispose();
    });
  });
}
