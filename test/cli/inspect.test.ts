import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDevice } from '@lua-webgpu/kernels';
import { configToJson, createLua, preset } from '@lua-webgpu/lua-model';
import { encodeSafetensors } from '@lua-webgpu/tensor';
import { describe, expect, it } from 'vitest';
import { goldenPath } from '../golden/load.ts';
import { runCli, runHere, temporaryFolder, writeLatent } from './run.ts';

const folder = temporaryFolder();

async function inspect(path: string) {
  const { code, stdout, stderr } = await runHere(['inspect', path, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

describe('inspect', () => {
  it('lists what a checkpoint holds and guesses the network', async () => {
    const path = goldenPath('released_window16.pth');
    const { code, stdout, stderr } = await runCli(['inspect', path]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('pth, entry params_ema');
    expect(stdout).toMatch(/^ {2}conv_first\.weight {2}F32 \[24, 16, 3, 3\] {2}13,824 bytes$/m);
    expect(stdout).toMatch(/×2 and ×4, [\d,]+ parameters, no preset/);
    expect(stdout).toMatch(/window_size: 16/);
  });

  it('gives the same to programs', async () => {
    const report = await inspect(goldenPath('tiny_window8.pth'));
    expect(report).toMatchObject({ format: 'pth', entry: 'params', metadata: {} });
    expect(report.tensors).toContainEqual({ name: 'conv_first.bias', dtype: 'F32', shape: [12], bytes: 48 });
    expect(report.bytes).toBe(
      report.tensors.reduce((sum: number, { bytes }: { bytes: number }) => sum + bytes, 0),
    );
    const { architecture } = report;
    expect(architecture).toMatchObject({ kind: 'model', from: 'tensors', preset: null, scales: [2, 4] });
    expect(architecture.config).toMatchObject({ embed_dim: 12, window_size: 8, depths: [2], in_chans: 4 });
    // The parameters without the buffers that the file also holds.
    const buffers = /relative_position_index|attn_mask/;
    const values = report.tensors.filter(({ name }: { name: string }) => !buffers.test(name));
    const count = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
    expect(architecture.parameters).toBe(
      values.reduce((sum: number, { shape }: { shape: number[] }) => sum + count(shape), 0),
    );
  });

  it('recognises a preset, and believes the configuration in the metadata', async () => {
    const device = await openDevice({ adapter: 'swiftshader' });
    const config = preset('tiny', { in_chans: 4, scales: [2] });
    using model = createLua(device, config);
    const tensors = await model.stateDict();
    const path = join(folder, 'tiny.safetensors');
    writeFileSync(path, encodeSafetensors(tensors));
    expect((await inspect(path)).architecture).toMatchObject({
      from: 'tensors',
      preset: 'tiny',
      scales: [2],
    });
    const metadata = new Map([['config', JSON.stringify(configToJson(config))]]);
    writeFileSync(path, encodeSafetensors(tensors, metadata));
    const { architecture } = await inspect(path);
    expect(architecture).toMatchObject({ from: 'metadata', preset: 'tiny', config: configToJson(config) });
    device.destroy();
  });

  it('tells latents and strangers', async () => {
    const latent = writeLatent(join(folder, 'latent.safetensors'), [1, 4, 8, 8], {
      metadata: { profile: 'sdxl' },
    });
    expect(await inspect(latent)).toMatchObject({
      format: 'safetensors',
      metadata: { profile: 'sdxl' },
      architecture: { kind: 'latent', profiles: ['sdxl', 'sd1'] },
    });
    const packed = writeLatent(join(folder, 'packed.safetensors'), [1, 16, 64]);
    expect((await inspect(packed)).architecture).toEqual({ kind: 'latent', profiles: ['flux', 'sd3'] });
    const other = writeLatent(join(folder, 'other.safetensors'), [5], { name: 'encoder.conv_in.bias' });
    expect((await inspect(other)).architecture).toMatchObject({
      kind: 'unknown',
      reason: expect.stringMatching(/VAE/),
    });
  });

  it('does not let a file steer the terminal', async () => {
    const path = writeLatent(join(folder, 'escape.safetensors'), [1], {
      name: 'a\u001b[2Jb',
      metadata: { k: '\u009b1m' },
    });
    const { stdout } = await runHere(['inspect', path]);
    expect(stdout).toContain('a\\u001b[2Jb');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(stdout).not.toMatch(/[\u001b\u009b]/);
  });

  it('refuses what is no weight file', async () => {
    const path = join(folder, 'page.pth');
    writeFileSync(path, '<html><body>Sign in</body></html>');
    const { code, stdout, stderr } = await runHere(['inspect', path]);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/error \[file-is-html\].*\nfix: /);
  });
});
