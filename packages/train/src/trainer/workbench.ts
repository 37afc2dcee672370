import type { Device } from '@lua-webgpu/kernels';
import { loadVae, type Vae } from '@lua-webgpu/lua-model';
import { needsPixels, type TrainConfig } from '../config/index.ts';
import { type Dataset, Loader } from '../data/index.ts';
import type { Snapshot } from './stage-state.ts';
import { StageState } from './stage-state.ts';
import { Validation } from './validation.ts';

/** The data of a run, which no device has a part in. */
export interface Datasets {
  readonly train: Dataset;
  readonly validation: Dataset | undefined;
}

/** What a run computes with: a device, the frozen decoder on it, and the validation. Made anew when the device is lost. */
export class Workbench {
  readonly device: Device;
  readonly validation: Validation | undefined;
  readonly #config: TrainConfig;
  readonly #data: Datasets;
  readonly #vae: Vae | undefined;

  private constructor(device: Device, config: TrainConfig, data: Datasets, vae: Vae | undefined) {
    this.device = device;
    this.#config = config;
    this.#data = data;
    this.#vae = vae;
    const scales = config.model.heads.map(({ scale }) => scale);
    if (vae && data.validation && config.validation) {
      this.validation = new Validation(device, vae, data.validation, config.validation, scales);
    }
  }

  /** @throws what opening a device and loading a VAE throw */
  static async open(open: () => Promise<Device>, config: TrainConfig, data: Datasets): Promise<Workbench> {
    const device = await open();
    try {
      const vae = config.vae
        ? await loadVae(device, config.vae.path, { profile: config.vae.profile, parts: ['decoder'] })
        : undefined;
      vae?.freeze();
      return new Workbench(device, config, data, vae);
    } catch (error) {
      device.destroy();
      throw error;
    }
  }

  stage(index: number, snapshot: Snapshot): StageState {
    return new StageState(this.device, this.#config, index, snapshot, this.#vae);
  }

  loader(index: number): Loader {
    const { seed, stages, data } = this.#config;
    const stage = stages[index] as TrainConfig['stages'][number];
    return new Loader(this.#data.train, {
      // Every stage sees the samples in an order of its own.
      seed: seed + index,
      batch: stage.batch,
      microBatch: stage.micro_batch,
      scales: stage.heads.scales,
      crop: stage.crop,
      pixels: needsPixels(stage) && data.pixel_target === 'original',
    });
  }

  dispose(): void {
    this.#vae?.dispose();
    this.device.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
