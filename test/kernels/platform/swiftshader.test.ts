import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AdapterError } from '../../../packages/kernels/src/runtime/errors.ts';
import { hasEmbeddedBuild, unpack } from '../../../packages/kernels/src/runtime/platform/swiftshader.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'archive-test-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];

/** A tar archive of small files: a 512-byte header each, the content padded to 512 bytes, two empty blocks. */
function tar(names: readonly string[]): Buffer {
  const blocks = names.flatMap((name) => {
    const content = Buffer.alloc(512, `content of ${name}\n`);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000755\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write('0', 156);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return [header, content];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const brotli = (data: Buffer) =>
  brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });

async function unpacked(archive: Buffer): Promise<string[]> {
  const path = join(folder, 'archive.tar.br');
  await writeFile(path, archive);
  const target = join(folder, 'out');
  await unpack(path, target);
  return (await readdir(target)).sort();
}

describe('the archive', () => {
  test('gives the three files that are needed and no other', async () => {
    const names = [...FILES, 'libEGL.so', '../outside', 'deep/libGLESv2.so'];
    expect(await unpacked(brotli(tar(names)))).toEqual(FILES);
    expect((await readdir(folder)).sort()).toEqual(['archive.tar.br', 'out']);
    expect(await readFile(join(folder, 'out', FILES[0]!), 'utf8')).toMatch(/^content of libvk_swiftshader/);
  });

  const whole = brotli(tar(FILES));
  const damages: Record<string, Buffer> = {
    'cut short': whole.subarray(0, whole.length - 20),
    empty: Buffer.alloc(0),
    'not brotli': Buffer.from('<html>404</html>'),
    'of a tar that is cut short': brotli(tar(FILES).subarray(0, 1700)),
    'of something that is no tar': brotli(Buffer.alloc(4096, 'x')),
    'without the loader': brotli(tar(FILES.filter((name) => name !== 'libvulkan.so.1'))),
  };
  test.each(Object.entries(damages))('%s is a typed error that names it', async (_name, archive) => {
    const error: unknown = await unpacked(archive).catch((e) => e);
    expect(error).toBeInstanceOf(AdapterError);
    expect(error).toMatchObject({ code: 'adapter-embedded', fix: expect.stringContaining('npm install') });
    expect(String(error)).toContain(join(folder, 'archive.tar.br'));
  });

  test('is for Linux on x64', () => {
    expect(hasEmbeddedBuild('linux', 'x64')).toBe(true);
    expect(hasEmbeddedBuild('linux', 'arm64')).toBe(false);
    expect(hasEmbeddedBuild('darwin', 'x64')).toBe(false);
    expect(hasEmbeddedBuild('win32', 'x64')).toBe(false);
  });
});
