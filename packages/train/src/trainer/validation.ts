import type { Device } from '@lua-webgpu/kernels';
import {
  encodeImage,
  type Lua,
  labelledStrip,
  type RgbImage,
  type StripPanel,
  tensorToImage,
  type Vae,
} from '@lua-webgpu/lua-model';
import { openScope } from '@lua-webgpu/tensor';
import type { ValidationConfig } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import {
  baselines,
  type LatentPair,
  luaUpscaler,
  meanDifference,
  type Upscaler,
} from '../evaluation/index.ts';
import { psnr } from '../metrics/index.ts';
import type { ValidationPsnr } from '../run/index.ts';
import { centreOf, type Example } from './examples.ts';

export interface ValidationResult {
  /** By scale, `x2` and `x4`: means over the samples, in dB. */
  readonly psnr: Readonly<Record<string, ValidationPsnr>>;
  /** By scale, mean |ẑ − z_HR|. */
  readonly l1_latent: Readonly<Record<string, number>>;
  readonly images: number;
  readonly ms: number;
  readonly pictures: readonly { readonly name: string; readonly png: Uint8Array }[];
}

/** What a way of upscaling gave for one sample. */
interface Measured {
  readonly psnr: number;
  readonly image: RgbImage;
}

/** Names of the baselines on strips, from left to right around the network's. */
const labels = { bicubic_latent: 'LATENT, BICUBIC', decode_bicubic: 'DECODED, BICUBIC' } as const;

/** Decodes what the network makes of held-out samples, beside the baselines, which are computed once. */
export class Validation {
  readonly #device: Device;
  readonly #vae: Vae;
  readonly #dataset: Dataset;
  readonly #config: ValidationConfig;
  readonly #scales: readonly number[];
  readonly #known = new Map<string, Promise<Readonly<Record<string, Measured>>>>();

  constructor(
    device: Device,
    vae: Vae,
    dataset: Dataset,
    config: ValidationConfig,
    scales: readonly number[],
  ) {
    this.#device = device;
    this.#vae = vae;
    this.#dataset = dataset;
    this.#config = config;
    this.#scales = scales;
  }

  /** @throws what reading the data and decoding throw, NonFiniteError for a network that makes NaN */
  async run(model: Lua): Promise<ValidationResult> {
    const begin = performance.now();
    const images = Math.min(this.#config.samples, this.#dataset.length);
    const sums = new Map(this.#scales.map((scale) => [scale, new Sums()]));
    const pictures: { name: string; png: Uint8Array }[] = [];
    for (let id = 0; id < images; id++) {
      const example = await centreOf(this.#dataset, id, this.#scales, this.#config.crop);
      const reference = await this.#reference(example);
      for (const [scale, sum] of sums) {
        const pair = example.pairs.get(scale) as LatentPair;
        const known = await this.#baselines(id, pair, example, reference);
        const { l1, ...lua } = await this.#lua(model, pair, reference);
        sum.add({ lua, ...known }, l1);
        if (id < this.#config.pictures) {
          pictures.push({ name: `${id}-x${scale}`, png: await strip(pair, { ...known, lua }, reference) });
        }
      }
    }
    const means = [...sums].map(([scale, sum]) => [`x${scale}`, sum] as const);
    return {
      psnr: Object.fromEntries(means.map(([name, sum]) => [name, sum.psnr(images)])),
      l1_latent: Object.fromEntries(means.map(([name, sum]) => [name, sum.l1 / images])),
      images,
      ms: performance.now() - begin,
      pictures,
    };
  }

  /** The photograph's own pixels where they are stored, else D(z_HR). */
  async #reference({ pixels, hr }: Example): Promise<RgbImage> {
    if (pixels) return pixels;
    using scope = openScope(this.#device);
    return await tensorToImage(this.#vae.decode(scope.tensor(hr.data, hr.shape)));
  }

  #baselines(
    id: number,
    pair: LatentPair,
    example: Example,
    reference: RgbImage,
  ): Promise<Readonly<Record<string, Measured>>> {
    const key = `${id} ${pair.scale}`;
    let known = this.#known.get(key);
    if (!known) {
      known = this.#measureBaselines(pair, example, reference);
      this.#known.set(key, known);
    }
    return known;
  }

  async #measureBaselines(
    pair: LatentPair,
    { pixels }: Example,
    reference: RgbImage,
  ): Promise<Record<string, Measured>> {
    // Without the photograph's pixels the round trip is the reference itself, which has no PSNR beside itself.
    const names = ['bicubic_latent', 'decode_bicubic', ...(pixels ? ['round_trip'] : [])];
    const found: Record<string, Measured> = {};
    for (const name of names) {
      const upscaler = baselines(this.#vae)[name] as Upscaler;
      using scope = openScope(this.#device);
      const image = await tensorToImage((await upscaler(scope, pair)).pixels);
      found[name] = { image, psnr: psnr(image, reference) };
    }
    return found;
  }

  async #lua(model: Lua, pair: LatentPair, reference: RgbImage): Promise<Measured & { l1: number }> {
    using scope = openScope(this.#device);
    const { latent, pixels } = await luaUpscaler(model, this.#vae)(scope, pair);
    const image = await tensorToImage(pixels);
    const l1 = latent ? meanDifference(await latent.readFloats(), pair.hr.data) : Number.NaN;
    return { image, psnr: psnr(image, reference), l1 };
  }
}

class Sums {
  readonly #psnr = new Map<string, number>();
  l1 = 0;

  add(measured: Readonly<Record<string, Measured>>, l1: number): void {
    for (const [name, { psnr }] of Object.entries(measured)) {
      this.#psnr.set(name, (this.#psnr.get(name) ?? 0) + psnr);
    }
    this.l1 += l1;
  }

  psnr(count: number): ValidationPsnr {
    const means = [...this.#psnr].map(([name, sum]) => [name, sum / count]);
    return Object.fromEntries(means) as unknown as ValidationPsnr;
  }
}

async function strip(
  { scale }: LatentPair,
  measured: Readonly<Record<string, Measured>>,
  reference: RgbImage,
): Promise<Uint8Array> {
  const panel = (name: string, label: string): StripPanel[] => {
    const found = measured[name];
    return found ? [{ image: found.image, label: `${label}\n${found.psnr.toFixed(2)} dB` }] : [];
  };
  return await encodeImage(
    labelledStrip([
      ...Object.entries(labels).flatMap(([name, label]) => panel(name, label)),
      ...panel('lua', `LUA ×${scale}`),
      { image: reference, label: 'REFERENCE' },
    ]),
    'png',
  );
}
