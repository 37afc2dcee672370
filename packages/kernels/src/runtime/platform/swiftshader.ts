import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { AdapterError } from '../../errors.ts';
import { INSTALL_EMBEDDED } from './advice.ts';
import { cachedFolder } from './cache.ts';

/** SwiftShader, Google's Vulkan on the CPU, unpacked. */
export interface EmbeddedVulkan {
  /** The driver's manifest, for VK_DRIVER_FILES. */
  driver: string;
  /** A Vulkan loader, for machines that have none. */
  loader: string;
}

const PACKAGE = '@sparticuz/chromium';
const LIBRARY = 'libvk_swiftshader.so';
const DRIVER = 'vk_swiftshader_icd.json';
const LOADER = 'libvulkan.so.1';

/** The part of `tar-fs`, which has no types of its own, that is used here. */
interface TarFs {
  extract(
    folder: string,
    options: { chown: boolean; utimes: boolean; ignore: (path: string) => boolean },
  ): NodeJS.WritableStream;
}

/** The archive holds x86-64 libraries for Linux. */
export function hasEmbeddedBuild(
  platform: NodeJS.Platform = process.platform,
  arch: string = process.arch,
): boolean {
  return platform === 'linux' && arch === 'x64';
}

/**
 * Unpacks SwiftShader out of the npm package `@sparticuz/chromium` (a headless browser; its
 * `bin/swiftshader.tar.br` has the driver and a Vulkan loader) into the cache folder, once for each version of
 * the package. Throws `AdapterError` (`adapter-embedded`) where a package is missing or its archive damaged.
 */
export async function unpackSwiftShader(): Promise<EmbeddedVulkan> {
  const { archive, version } = await locate();
  const folder = await cachedFolder(`swiftshader-${version}`, (target) => unpack(archive, target));
  return { driver: join(folder, DRIVER), loader: join(folder, LOADER) };
}

async function locate(): Promise<{ archive: string; version: string }> {
  try {
    // Resolved, not imported: importing it changes LD_LIBRARY_PATH and FONTCONFIG_PATH. Its package.json is
    // not exported, hence the walk up from the entry point, which lies in build/cjs/.
    const root = dirname(dirname(dirname(createRequire(import.meta.url).resolve(PACKAGE))));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    return { archive: join(root, 'bin', 'swiftshader.tar.br'), version };
  } catch (cause) {
    throw missing(PACKAGE, cause);
  }
}

/** Writes the three files that are needed out of `archive` into `folder`. */
export async function unpack(archive: string, folder: string): Promise<void> {
  const wanted = new Set([LIBRARY, DRIVER, LOADER]);
  const extract = loadTarFs().extract(folder, {
    chown: false,
    utimes: false,
    ignore: (path) => !wanted.has(basename(path)),
  });
  try {
    // Decompressed whole and handed over by hand: piped, tar-fs hangs where the source fails. An archive that
    // ends within a file is reported twice, by the archive and by the file, which nobody listens to yet.
    const tar = await promisify(brotliDecompress)(await readFile(archive));
    await new Promise<void>((resolve, reject) => {
      extract.on('entry', (_header, file: NodeJS.ReadableStream) => file.on('error', reject));
      extract.on('finish', resolve).on('error', reject);
      extract.end(tar);
    });
    await Promise.all([...wanted].map((file) => stat(join(folder, file))));
  } catch (cause) {
    if (isDiskFull(cause)) throw cause;
    throw new AdapterError(
      'adapter-embedded',
      `${archive} could not be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`,
      `Remove node_modules/${PACKAGE} and run ${INSTALL_EMBEDDED}.`,
      { cause },
    );
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}

function loadTarFs(): TarFs {
  try {
    return createRequire(import.meta.url)('tar-fs');
  } catch (cause) {
    throw missing('tar-fs', cause);
  }
}

function missing(name: string, cause: unknown): AdapterError {
  return new AdapterError(
    'adapter-embedded',
    `the embedded software adapter needs the package ${name}, which is not installed`,
    `Run ${INSTALL_EMBEDDED}.`,
    { cause },
  );
}
