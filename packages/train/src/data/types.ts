import type { HostLatent, RgbImage } from '@lua-webgpu/lua-model';

/** What turns crops into latents while data are prepared: a VAE on a device, or a stand-in in tests. */
export interface Encoder {
  /** Channels of the latents. */
  readonly channels: number;
  /** Image pixels along the side of a latent pixel. */
  readonly stride: number;
  /** Name of the VAE's profile. */
  readonly profile: string;
  /** SHA-256 by file name of the files that the VAE was read from. */
  readonly files: Readonly<Record<string, string>>;
  /**
   * Encodes crops of one size as they are (scale 1), and resized to 1/scale of their sides by antialiased bicubic for
   * each scale.
   *
   * @returns by scale decoder-ready latents [B, channels, side / stride / scale, side / stride / scale]
   */
  encode(crops: readonly RgbImage[], scales: readonly number[]): Promise<ReadonlyMap<number, Float32Array>>;
}

/** `index.json` of a prepared folder. */
export interface DatasetIndex {
  readonly version: 1;
  readonly settings: DatasetSettings;
  readonly samples: number;
  readonly shards: readonly ShardEntry[];
  /** Photographs that could not be read, and why. */
  readonly unreadable: readonly { readonly source: string; readonly reason: string }[];
  /** Photographs that are too small for a crop, or whose sides are below the minimum. */
  readonly small: number;
  /** SHA-256 of everything above as JSON: changes whenever the data do. */
  readonly sha256: string;
}

/** What must be the same in every shard of a folder. */
export interface DatasetSettings {
  readonly vae: {
    readonly profile: string;
    readonly channels: number;
    readonly stride: number;
    readonly files: Readonly<Record<string, string>>;
  };
  /** Side of the square crops, in pixels. */
  readonly crop: number;
  /** Pixels between the origins of neighbouring crops. */
  readonly stride: number;
  /** Photographs with a shorter side than this are left out. */
  readonly min_side: number;
  /** Rising. */
  readonly scales: readonly number[];
  /** By how much the photographs were resized before they were cropped. */
  readonly photo_scales: readonly number[];
  readonly dtype: 'F32' | 'F16';
  /** Whether the crops themselves are stored. */
  readonly pixels: boolean;
}

export interface ShardEntry {
  readonly file: string;
  readonly samples: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Where a sample was cut from a photograph. */
export interface SampleOrigin {
  /** Path of the photograph below the folder that was prepared, with that folder's name. */
  readonly source: string;
  /** By how much the photograph was resized first. */
  readonly photo_scale: number;
  /** Origin of the crop in pixels of the resized photograph. */
  readonly x: number;
  readonly y: number;
}

/** One sample as stored: without a batch dimension. */
export interface Sample {
  readonly id: number;
  /** [C, h, w] */
  readonly hr: HostLatent;
  /** By scale, [C, h / scale, w / scale]. */
  readonly lr: ReadonlyMap<number, HostLatent>;
  /** [H, W, 3] of 8 bits each. */
  readonly pixels?: Uint8Array;
}

/** Samples that go through the network together. */
export interface Batch {
  /** Per sample, its number in the dataset. */
  readonly ids: readonly number[];
  /** Per sample, the origin [y, x] of the crop in the HR latent. */
  readonly origins: readonly (readonly [y: number, x: number])[];
  /** [B, C, h, w] */
  readonly hr: HostLatent;
  /** By scale, [B, C, h / scale, w / scale]. */
  readonly lr: ReadonlyMap<number, HostLatent>;
  /** [B, 3, stride · h, stride · w] in [0, 1], where the loader was asked for them. */
  readonly pixels: HostLatent | undefined;
}
