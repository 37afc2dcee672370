import type { Device } from '@lua-webgpu/kernels';
import type { Vae, VaePart } from './vae.ts';

export interface VaeOptions {
  /** Name of the profile whose scale the latents have, where the files do not say it or say it wrongly. */
  readonly profile?: string | undefined;
  /** What is needed; only that is read. Default: both. */
  readonly parts?: readonly VaePart[] | undefined;
}

export function loadVae(_device: Device, _path: string, _options: VaeOptions = {}): Promise<Vae> {
  return Promise.reject(new Error('not there yet'));
}
