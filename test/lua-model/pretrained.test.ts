import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Device, FileError, openDevice } from '@lua-webgpu/kernels';
import {
  isPretrainedName,
  loadLua,
  loadPretrained,
  loadPretrainedDecoder,
  type PretrainedName,
  type PretrainedNetwork,
  pretrainedDecoder,
  pretrainedEntry,
  pretrainedNames,
  pretrainedNetworks,
  pretrainedUrl,
} from '@lua-webgpu/lua-model';
import { parseTensorFile } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-pretrained-'));
let device: Device;
beforeAll(async () => {
  device = await openDevice({ adapter: 'swiftshader' });
});
afterAll(() => {
  device.destroy();
  rmSync(folder, { recursive: true, force: true });
});

const pathOf = (name: PretrainedName) => fileURLToPath(pretrainedUrl(name));
const ofKind = (kind: string) => pretrainedNames.filter((name) => pretrainedEntry(name).kind === kind);
const networks = pretrainedNetworks;
const decoders = ofKind('decoder').map(pretrainedDecoder);

describe('the weights that come with the package', () => {
  it.each(pretrainedNames)('%s: half precision, the registered SHA-256, a model card beside it', (name) => {
    const bytes = readFileSync(pathOf(name));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(pretrainedEntry(name).sha256);
    for (const [, { dtype }] of parseTensorFile(bytes, name).tensors) expect(dtype).toBe('F16');
    const card = readFileSync(pathOf(name).replace(/safetensors$/, 'md'), 'utf8');
    for (const heading of ['Data', 'Training', 'Figures', 'Limits', 'Licence']) {
      expect(card, heading).toMatch(new RegExp(`^## ${heading}$`, 'm'));
    }
  });

  it.each(networks)('%s is the network that loadLua reads from its file', async (name) => {
    using model = await loadPretrained(device, name);
    using same = await loadLua(device, pathOf(name));
    const [own, expected] = [await model.stateDict(), await same.stateDict()];
    expect([...own.keys()]).toEqual([...expected.keys()]);
    // Compared as buffers: the matcher looks at every byte by itself, which takes a minute.
    for (const [name, { bytes }] of own) {
      expect(Buffer.compare(bytes, expected.get(name)?.bytes ?? new Uint8Array()), name).toBe(0);
    }
    expect(model.config.heads.map(({ scale }) => scale)).toEqual([2, 4]);
    expect(model.config.in_chans).toBe({ flux: 16, sd3: 16, sdxl: 4 }[pretrainedEntry(name).profile]);
  });

  it.each(decoders)('%s is a decoder of its profile', async (name) => {
    using decoder = await loadPretrainedDecoder(device, name);
    expect(decoder.parts).toEqual(['decoder']);
    expect(decoder.profile.name).toBe(pretrainedEntry(name).profile);
  });

  it('comes over HTTP where it is served, as in a browser', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/weights/flux-small.safetensors') response.end(readFileSync(pathOf('flux-small')));
      else response.writeHead(404, 'Not Found').end();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    try {
      using model = await loadPretrained(device, 'flux-small', {
        folder: `http://127.0.0.1:${port}/weights/`,
      });
      expect(model.config.in_chans).toBe(16);
      await expect(
        loadPretrained(device, 'flux-small', { folder: `http://127.0.0.1:${port}/` }),
      ).rejects.toMatchObject({ code: 'pretrained-missing', message: expect.stringContaining('404') });
    } finally {
      server.close();
    }
  });
});

describe('refusals', () => {
  const refusal = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(FileError);
    return error as FileError;
  };

  it('an unknown name, with the one that was meant', async () => {
    const error = await refusal(loadPretrained(device, 'flux_small' as PretrainedNetwork));
    expect(error.code).toBe('pretrained-unknown');
    expect(error.fix).toContain('Did you mean flux-small?');
    expect(isPretrainedName('toString')).toBe(false);
  });

  it('a decoder where a network is asked for, and the reverse', async () => {
    // @ts-expect-error: the type checker refuses it, too
    expect((await refusal(loadPretrained(device, 'flux-tiny-decoder'))).code).toBe('pretrained-kind');
    // @ts-expect-error
    expect((await refusal(loadPretrainedDecoder(device, 'flux-small'))).code).toBe('pretrained-kind');
  });

  it('a file with one bit wrong, and one that is not there', async () => {
    const bytes = readFileSync(pathOf('flux-small'));
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(join(folder, 'flux-small.safetensors'), bytes);
    const at = { folder: `file://${folder}/` };
    expect((await refusal(loadPretrained(device, 'flux-small', at))).code).toBe('pretrained-hash');
    expect((await refusal(loadPretrainedDecoder(device, 'flux-tiny-decoder', at))).code).toBe(
      'pretrained-missing',
    );
  });
});

describe('weights in the cache of the Hugging Face hub', () => {
  const snapshot = join(folder, 'hub/models--someone--lua/snapshots/abc');
  beforeAll(() => {
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(folder, 'hub/models--someone--lua/refs'), { recursive: true });
    writeFileSync(join(folder, 'hub/models--someone--lua/refs/main'), 'abc\n');
    writeFileSync(join(snapshot, 'README.md'), 'a card');
    vi.stubEnv('HF_HUB_CACHE', join(folder, 'hub'));
    return () => vi.unstubAllEnvs();
  });

  it('are refused where there is no weight file or more than one, and load where there is one', async () => {
    await expect(loadLua(device, 'someone/lua')).rejects.toMatchObject({ code: 'hub-weights' });
    copyFileSync(pathOf('flux-small'), join(snapshot, 'lua.safetensors'));
    using model = await loadLua(device, 'someone/lua');
    expect(model.config.in_chans).toBe(16);
    copyFileSync(pathOf('flux-small'), join(snapshot, 'other.safetensors'));
    await expect(loadLua(device, 'someone/lua')).rejects.toMatchObject({ code: 'hub-weights' });
    await expect(loadLua(device, 'someone/else')).rejects.toMatchObject({ code: 'hub-not-cached' });
    await expect(loadLua(device, 'no/such.safetensors')).rejects.toMatchObject({ code: 'file-not-found' });
  });
});
