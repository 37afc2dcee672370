import { assemble, constantCombinations, matmulSubgroupMatrix, openDevice } from '@lua-webgpu/kernels';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { create } from 'webgpu';
import { subgroupMatrixFault } from '../../../packages/kernels/src/subgroup-matrix-trial.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

/** No software adapter has subgroup matrices. Dawn's backend that computes nothing claims to, and checks what uses them. */
describe("subgroup matrices on Dawn's null backend", () => {
  // The instance has to live as long as its devices.
  let instance: GPU;
  let gpu: GPUDevice;
  beforeAll(async () => {
    using _ = await openDevice({ adapter: 'swiftshader' });
    instance = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
    const adapter = (await instance.requestAdapter()) as GPUAdapter;
    gpu = await adapter.requestDevice({
      requiredFeatures: [
        'shader-f16',
        'subgroups',
        'chromium-experimental-subgroup-matrix' as GPUFeatureName,
      ],
    });
    const config = { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 };
    const info = {
      vendor: 'none',
      subgroupMinSize: 32,
      subgroupMaxSize: 32,
      subgroupMatrixConfigs: [config],
    };
    Object.defineProperty(gpu, 'adapterInfo', { value: info });
  });
  afterAll(() => gpu.destroy());

  it.each(constantCombinations(matmulSubgroupMatrix))('the kernel is valid with %j', async (constants) => {
    const { text } = assemble(matmulSubgroupMatrix, { ...constants, SUBGROUP_SIZE: 32 }, true);
    const module = gpu.createShaderModule({ code: text });
    expect((await module.getCompilationInfo()).messages.map(({ message }) => message)).toEqual([]);
    gpu.pushErrorScope('validation');
    gpu.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
    expect(await gpu.popErrorScope()).toBeNull();
  });

  const open = async (options: Parameters<typeof openDevice>[0]) => {
    const lines: string[] = [];
    using device = await openDevice({ device: gpu, onNotice: (line) => lines.push(line), ...options });
    return { usable: device.capabilities.subgroupMatrix, lines };
  };

  it('are left out where they compute something else, with a word', async () => {
    expect(await open({ float32MatmulPrecision: 'medium', subgroupMatrix: true })).toEqual({
      usable: false,
      lines: [expect.stringMatching(/^lua-webgpu: subgroup matrices do not pass .+ \(a product is wrong\)/)],
    });
  });

  it('are not even tested where they are not asked for, or operands must not be rounded', async () => {
    expect(await open({ float32MatmulPrecision: 'medium' })).toEqual({ usable: false, lines: [] });
    expect(await open({ subgroupMatrix: true })).toEqual({ usable: false, lines: [] });
  });
});

for (const adapter of await adapterCases()) {
  describe(`the test of subgroup matrices on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    it('is passed by products that are right, and not by a device without the variant', async () => {
      expect(await subgroupMatrixFault(await devices.open())).toBeUndefined();
      const device = await devices.open({
        force: { matmul: 'subgroup-matrix' },
        float32MatmulPrecision: 'medium',
      });
      expect(await subgroupMatrixFault(device)).toMatch(/ needs subgroups? /);
    });
  });
}
