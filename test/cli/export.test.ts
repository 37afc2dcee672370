import { join } from 'node:path';
import { openDevice } from '@lua-webgpu/kernels';
import { configToJson, createLua, loadLua, preset } from '@lua-webgpu/lua-model';
import {
  encodeSafetensors,
  fromFloat32,
  readTensorFile,
  toFloat32,
  writeFileAtomic,
} from '@lua-webgpu/tensor';
import { describe, expect, it } from 'vitest';
import { runHere, temporaryFolder } from './run.ts';

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

async function writeNetwork(path: string): Promise<void> {
  const device = await openDevice({ adapter: 'swiftshader' });
  using model = createLua(device, preset('tiny'), { seed: 3 });
  await writeFileAtomic(path, encodeSafetensors(await model.stateDict(), new Map([['step', '7']])));
  device.destroy();
}

describe('export', () => {
  it('writes half of the bytes, without buffers, with the configuration, and loads as the same network', async () => {
    await writeNetwork(at('full.safetensors'));
    const { code, stderr } = await runHere([
      'export',
      at('full.safetensors'),
      '--out',
      at('half.safetensors'),
    ]);
    expect(code, stderr).toBe(0);
    const full = await readTensorFile(at('full.safetensors'));
    const half = await readTensorFile(at('half.safetensors'));
    const kept = [...full.tensors.keys()].filter((name) => !/relative_position_index|attn_mask/.test(name));
    expect([...half.tensors.keys()].sort()).toEqual(kept.sort());
    expect(kept.length).toBeLessThan(full.tensors.size);
    expect(half.metadata.get('step')).toBe('7');
    for (const [name, tensor] of half.tensors) {
      expect(tensor.dtype).toBe('F16');
      const exact = full.tensors.get(name);
      if (!exact) throw new Error(`${name} is new`);
      expect(tensor).toEqual(fromFloat32(toFloat32(exact), exact.shape, 'F16'));
    }
    const device = await openDevice({ adapter: 'swiftshader' });
    using model = await loadLua(device, at('half.safetensors'));
    expect(model.config).toEqual(preset('tiny'));
    device.destroy();
  });

  it('takes the configuration of the .json beside the weights, as loading them does', async () => {
    const { tensors } = await readTensorFile(at('full.safetensors'));
    await writeFileAtomic(at('beside.safetensors'), encodeSafetensors(tensors));
    const config = { ...configToJson(preset('tiny')), img_range: 0.5 };
    await writeFileAtomic(at('beside.json'), new TextEncoder().encode(JSON.stringify(config)));
    const { code, stderr } = await runHere([
      'export',
      at('beside.safetensors'),
      '--out',
      at('half.safetensors'),
    ]);
    expect(code, stderr).toBe(0);
    const { metadata } = await readTensorFile(at('half.safetensors'));
    expect(JSON.parse(metadata.get('config') ?? '{}')).toEqual(config);
  });

  it('refuses what half precision cannot hold, what is no network, and to overwrite its input', async () => {
    const { tensors } = await readTensorFile(at('full.safetensors'));
    const large = new Map(tensors).set(
      'norm.weight',
      fromFloat32(new Float32Array(32).fill(1e6), [32], 'F32'),
    );
    await writeFileAtomic(at('large.safetensors'), encodeSafetensors(large));
    const overflow = await runHere(['export', at('large.safetensors'), '--out', at('x.safetensors')]);
    expect(overflow.code).toBe(3);
    expect(overflow.stderr).toContain('norm.weight holds values that are not finite as F16');
    const wide = await runHere([
      'export',
      at('large.safetensors'),
      '--out',
      at('x.safetensors'),
      '--dtype',
      'BF16',
    ]);
    expect(wide.code, wide.stderr).toBe(0);
    const latent = new Map([['latent', fromFloat32(new Float32Array(64), [1, 16, 2, 2], 'F32')]]);
    await writeFileAtomic(at('latent.safetensors'), encodeSafetensors(latent));
    expect((await runHere(['export', at('latent.safetensors'), '--out', at('y.safetensors')])).code).toBe(3);
    expect((await runHere(['export', at('full.safetensors'), '--out', at('full.safetensors')])).code).toBe(2);
  });
});
