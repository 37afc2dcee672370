/** A run that takes a second: a network of some thousand parameters on latents of 8². */
import { join } from 'node:path';
import { type Device, openDevice } from '@lua-webgpu/kernels';
import { parseTrainConfig, type TrainConfig } from '@lua-webgpu/train';

/** Two stages, micro-batches, both kinds of head sampling, dropped blocks, a crop. */
export const toyYaml = (data: string, set = ''): string => `
version: 1
name: toy
seed: 7
model:
  in_chans: 4
  img_size: 16
  window_size: 4
  img_range: 1
  depths: [2]
  embed_dim: 8
  num_heads: [2]
  mlp_ratio: 2
  resi_connection: 1conv
  head_num_feat: 8
  heads: [{ name: x2, scale: 2, out_chans: 4 }, { name: x4, scale: 4, out_chans: 4 }]
data: { train: ${JSON.stringify(data)} }
stages:
  - { name: I, loss: { l1_latent: 1.0, fft_latent: 0.1 }, steps: 6, batch: 4, micro_batch: 2, lr: 1.0e-2, betas: [0.9, 0.99], ema: 0.9, drop_path: 0.3 }
  - { name: II, loss: { l1_latent: 1.0 }, steps: 4, batch: 2, lr: 1.0e-2, betas: [0.9, 0.99], ema: 0.9, crop: 4 }
checkpoint: { every: 2, keep_last: 3, best: null }
log: { every: 1 }
${set}`;

export const toyConfig = (data: string, set: readonly string[] = []): TrainConfig =>
  parseTrainConfig(toyYaml(data), { file: 'toy.yaml', set });

/** Where the toy data of a folder lie. */
export const toyData = (folder: string): string => join(folder, 'data');

export const openToyDevice = (): Promise<Device> =>
  openDevice({ adapter: process.env.LUA_WEBGPU_ADAPTER ?? 'swiftshader' });
