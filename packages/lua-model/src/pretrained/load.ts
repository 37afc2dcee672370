import { type Device, FileError } from '@lua-webgpu/kernels';
import { parseTensorFile, type WeightFile } from '@lua-webgpu/tensor';
import { luaFromFile } from '../checkpoint.ts';
import type { Lua } from '../network/index.ts';
import { type Vae, vaeFromTensors } from '../vae/index.ts';
import {
  type PretrainedDecoder,
  type PretrainedName,
  type PretrainedNetwork,
  pretrainedDecoder,
  pretrainedEntry,
  pretrainedNetwork,
} from './registry.ts';

export interface PretrainedOptions {
  /** URL of the folder with the files, ending in `/`; default: this package's pretrained/. In a browser, where you serve it. */
  readonly folder?: string | URL | undefined;
}

/**
 * A LUA network with the weights that come with this package; in Node and in browsers.
 *
 * @throws FileError `pretrained-unknown`, `pretrained-kind` for the name of a decoder, `pretrained-missing`,
 * `pretrained-hash`
 */
export async function loadPretrained(
  device: Device,
  name: PretrainedNetwork,
  options: PretrainedOptions = {},
): Promise<Lua> {
  return luaFromFile(device, await readPretrained(pretrainedNetwork(name), options), name);
}

/**
 * The small decoder that comes with this package, for a look at latents where the generator's own VAE is not at hand. It
 * has no encoder.
 *
 * @throws FileError as {@link loadPretrained}, `pretrained-kind` for the name of a network
 */
export async function loadPretrainedDecoder(
  device: Device,
  name: PretrainedDecoder,
  options: PretrainedOptions = {},
): Promise<Vae> {
  const { tensors } = await readPretrained(pretrainedDecoder(name), options);
  const { profile } = pretrainedEntry(name);
  return await vaeFromTensors(device, tensors, { profile, parts: ['decoder'], name });
}

/** Where the file of pretrained weights lies. @throws FileError `pretrained-unknown` */
export function pretrainedUrl(name: PretrainedName, { folder }: PretrainedOptions = {}): URL {
  pretrainedEntry(name);
  // Not at the module's top: where it is part of a bundle, its URL says nothing, and only these calls need it.
  return new URL(`${name}.safetensors`, folder ?? new URL('../../pretrained/', import.meta.url));
}

async function readPretrained(name: PretrainedName, options: PretrainedOptions): Promise<WeightFile> {
  const url = pretrainedUrl(name, options);
  const bytes = await readBytes(url);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const expected = pretrainedEntry(name).sha256;
  if (sha256 === expected) return parseTensorFile(bytes, name);
  throw new FileError(
    'pretrained-hash',
    `${url.href} is not the file that belongs to this version: its SHA-256 is ${sha256}, not ${expected}`,
    'Install @lua-webgpu/lua-model again.',
  );
}

/** @throws FileError `pretrained-missing` */
async function readBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (url.protocol === 'file:') {
      const { readFile } = await import('node:fs/promises');
      return new Uint8Array(await readFile(url));
    }
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new FileError(
      'pretrained-missing',
      `${url.href}: ${(cause as Error).message}`,
      'Install @lua-webgpu/lua-model again; in a browser, serve its folder pretrained/ and name it as { folder }.',
      { cause },
    );
  }
}
