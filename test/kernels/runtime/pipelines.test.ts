import { type Device, type GpuBuffer, KernelError, openDevice, ShaderError } from '@lua-webgpu/kernels';
import { afterAll, describe, expect, test } from 'vitest';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';
import { add, broken, double, optional } from './kernels.ts';

const floats = async (device: Device, buffer: GpuBuffer) => new Float32Array(await device.read(buffer));

describe.each(await adapterCases())('$label', (adapter) => {
  const devices = new DeviceSet(adapter);
  afterAll(() => devices.close());

  test('a kernel that does not compile is a ShaderError with file and line, on the next await', async () => {
    const device = await openDevice(adapter.options);
    const out = device.upload(Float32Array.of(1));
    device.dispatch(broken, { buffers: { out }, params: { value: 1 }, constants: { FANCY: false } });
    const error = await device.synchronize().then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(ShaderError);
    expect(error.code).toBe('wgsl-compile');
    expect(error.message).toMatch(
      /test\/broken {"FANCY":false}: test\/broken\.wgsl:4: .*nothing_of_this_name/,
    );

    // It is known from now on, whatever else is asked of the device works, and the other constants are another pipeline.
    const again = { buffers: { out }, params: { value: 1 }, constants: { FANCY: false } };
    expect(() => device.dispatch(broken, again)).toThrow(error);
    await expect(device.compile(broken, { FANCY: false })).rejects.toBe(error);
    const fresh = device.upload(Float32Array.of(4));
    device.dispatch(double, { buffers: { out: fresh }, params: {} });
    expect((await floats(device, fresh))[0]).toBe(8);
    await expect(device.compile(broken, { FANCY: true })).rejects.toThrow('{"FANCY":true}');
    await device.synchronize();
    device.destroy();
  });

  test('an error in the prelude or in a library names that', async () => {
    const device = await devices.open();
    const prelude = {
      ...double,
      name: 'test/prelude',
      bindings: { out: { access: 'read_write', element: 'f99' } },
    };
    await expect(device.compile(prelude as never)).rejects.toThrow(/test\/prelude prelude:\d+: .*f99/);
    const library = { ...broken, libraries: { 'test/library.wgsl': '\n\nfn bad() -> f32 { return 1i; }' } };
    await expect(device.compile(library, { FANCY: false })).rejects.toThrow(/: test\/library\.wgsl:3: /);
  });

  test('constants select the pipeline and its bindings', async () => {
    const device = await devices.open();
    const out = device.allocate(4);
    const bias = device.upload(Float32Array.of(0.5));
    const result = async (constants: { HAS_BIAS: boolean; FACTOR: number }) => {
      device.dispatch(optional, { buffers: { bias, out }, params: {}, constants });
      return (await floats(device, out))[0];
    };
    expect(await result({ HAS_BIAS: false, FACTOR: 2 })).toBe(2);
    expect(await result({ HAS_BIAS: true, FACTOR: 3 })).toBe(3.5);
    expect(await result({ FACTOR: 2, HAS_BIAS: true })).toBe(2.5);
    const constants = { HAS_BIAS: false, FACTOR: 3 };
    device.dispatch(optional, { buffers: { bias: undefined, out }, params: {}, constants });
    expect((await floats(device, out))[0]).toBe(3);
    out.release();
    bias.release();
  });

  type Attempt = (device: Device, x: GpuBuffer, out: GpuBuffer) => unknown;
  const params = { count: 4, value: 1 };
  test.each<[string, string, Attempt]>([
    [
      'an unknown constant',
      'kernel-constant',
      (d, x, out) => d.dispatch(add, { buffers: { x, out }, params, constants: { TILE: 4 } }),
    ],
    [
      'a missing constant',
      'kernel-constant',
      (d, _x, out) => d.dispatch(optional, { buffers: { out }, params: {}, constants: { FACTOR: 2 } }),
    ],
    [
      'a constant with a value that is not declared',
      'kernel-constant',
      (d, _x, out) =>
        d.dispatch(optional, { buffers: { out }, params: {}, constants: { HAS_BIAS: false, FACTOR: 4 } }),
    ],
    [
      'a broken precondition',
      'kernel-precondition',
      (d, x, out) => d.dispatch(add, { buffers: { x, out }, params: { count: 2_000_000, value: 1 } }),
    ],
    ['a missing binding', 'kernel-binding', (d, x) => d.dispatch(add, { buffers: { x }, params })],
    [
      'a missing binding that these constants need',
      'kernel-binding',
      (d, _x, out) =>
        d.dispatch(optional, { buffers: { out }, params: {}, constants: { HAS_BIAS: true, FACTOR: 2 } }),
    ],
    [
      'a missing param',
      'kernel-params',
      (d, x, out) => d.dispatch(add, { buffers: { x, out }, params: { count: 4 } as never }),
    ],
    [
      'a fraction for an integer',
      'kernel-params',
      (d, x, out) => d.dispatch(add, { buffers: { x, out }, params: { count: 1.5, value: 1 } }),
    ],
    [
      'a feature that the device lacks',
      'kernel-unsupported',
      (d, x, out) =>
        d.dispatch({ ...add, features: ['subgroups', 'shader-f16'] }, { buffers: { x, out }, params }),
    ],
    [
      'a workgroup that is too large',
      'kernel-unsupported',
      (d, x, out) => d.dispatch({ ...add, workgroup: () => [2048, 1, 1] }, { buffers: { x, out }, params }),
    ],
    [
      'too much workgroup memory',
      'kernel-unsupported',
      (d, x, out) => d.dispatch({ ...add, workgroupBytes: () => 2 ** 20 }, { buffers: { x, out }, params }),
    ],
    [
      'a released buffer',
      'tensor-disposed',
      (d, x, out) => {
        x.release();
        d.dispatch(add, { buffers: { x, out }, params });
      },
    ],
    [
      'a released buffer to read',
      'tensor-disposed',
      (d, x) => {
        x.release();
        return d.read(x);
      },
    ],
  ])('refuses %s', async (_name, code, attempt) => {
    const device = await devices.open({ featureLevel: 'compatibility' });
    const x = device.upload(Float32Array.of(1, 2, 3, 4));
    const out = device.allocate(16);
    const error = await (async () => attempt(device, x, out))().catch((reason) => reason);
    expect(error).toMatchObject({ code });
    expect(error).toHaveProperty('fix', expect.stringMatching(/\.$/));
    x.release();
    out.release();
    expect(device.memory().inUse).toBe(0);
    await device.synchronize();
  });

  test('refuses a buffer of another device, and one larger than a binding', async () => {
    const device = await devices.open({ limits: { maxStorageBufferBindingSize: 1024 } });
    const other = await devices.open();
    const x = other.upload(Float32Array.of(1));
    const large = device.allocate(1028);
    const out = device.allocate(4);
    expect(() => device.dispatch(add, { buffers: { x, out }, params })).toThrow(
      expect.objectContaining({ code: 'tensor-device', message: expect.stringContaining('test/add') }),
    );
    expect(() => device.dispatch(add, { buffers: { x: large, out }, params })).toThrow(
      expect.objectContaining({
        code: 'binding-too-large',
        message: expect.stringMatching(/test\/add: x has 1028/),
      }),
    );
    const fits = { buffer: large, offset: 0, size: 1024 };
    device.dispatch(add, { buffers: { x: fits, out }, params: { count: 1, value: 0 } });
    await device.synchronize();
    for (const buffer of [x, large, out]) buffer.release();
  });

  test('compiles ahead, once', async () => {
    const device = await devices.open();
    await device.compile(double);
    await expect(device.compile(double, { TILE: 1 })).rejects.toBeInstanceOf(KernelError);
    await expect(device.compile({ ...double, workgroup: () => [4096, 1, 1] })).rejects.toMatchObject({
      code: 'kernel-unsupported',
    });
  });
});
