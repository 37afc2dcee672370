import {
  decodeTiled,
  type HostLatent,
  type Lua,
  toDecoder,
  toDiffusion,
  upscale,
  type Vae,
} from '@lua-webgpu/lua-model';
import {
  resize2d,
  type Scope,
  scoped,
  type Tensor,
  toChannelsFirst,
  toChannelsLast,
} from '@lua-webgpu/tensor';

/** Latents of one picture in two sizes, [1, C, h, w] and [1, C, s·h, s·w], encoded separately. */
export interface LatentPair {
  readonly lr: HostLatent;
  readonly hr: HostLatent;
  readonly scale: number;
}

/** What a way of upscaling made: pixels [1, 3, H, W], and the latent that they were decoded from where there is one. */
export interface Upscaled {
  readonly pixels: Tensor;
  readonly latent?: Tensor;
}

/** A way to make the pixels of the larger picture. Results belong to `scope`. */
export type Upscaler = (scope: Scope, pair: LatentPair) => Promise<Upscaled>;

/** The network, then one decode. */
export const luaUpscaler =
  (model: Lua, vae: Vae): Upscaler =>
  async (scope, { lr, scale }) => {
    const latent = await upscale(model, scope.tensor(lr.data, lr.shape), { scale });
    return { latent, pixels: await decodeTiled(vae, latent) };
  };

/** A network that was trained on latents in the diffusion scale, then one decode. */
export const diffusionLuaUpscaler =
  (model: Lua, vae: Vae): Upscaler =>
  async (scope, { lr, scale }) => {
    const input = scope.tensor(toDiffusion(lr.data, lr.shape, vae.profile), lr.shape);
    const output = await upscale(model, input, { scale });
    const values = toDecoder(await output.readFloats(), output.shape, vae.profile);
    const latent = scope.tensor(values, output.shape);
    return { latent, pixels: await decodeTiled(vae, latent) };
  };

/** The latent interpolated, then decoded: the floor. Bicubic has a = −0.5. */
export const interpolatedLatent =
  (vae: Vae, mode: 'bicubic' | 'bilinear'): Upscaler =>
  async (scope, { lr, scale }) => {
    const latent = enlarge(scope.tensor(lr.data, lr.shape), scale, mode);
    return { latent, pixels: await decodeTiled(vae, latent) };
  };

/** The small latent decoded, then the pixels resized (a = −0.5): what a latent upscaler has to beat. */
export const decodedThenBicubic =
  (vae: Vae): Upscaler =>
  async (scope, { lr, scale }) => {
    const small = await decodeTiled(vae, scope.tensor(lr.data, lr.shape));
    return { pixels: enlarge(small, scale, 'bicubic') };
  };

/** The original encoded and decoded: a reference, not a bound. */
export const roundTrip =
  (vae: Vae): Upscaler =>
  async (scope, { hr }) => {
    const latent = scope.tensor(hr.data, hr.shape);
    return { latent, pixels: await decodeTiled(vae, latent) };
  };

/** Every baseline by the name that metrics and reports have. */
export const baselines = (vae: Vae): Readonly<Record<string, Upscaler>> => ({
  bicubic_latent: interpolatedLatent(vae, 'bicubic'),
  bilinear_latent: interpolatedLatent(vae, 'bilinear'),
  decode_bicubic: decodedThenBicubic(vae),
  round_trip: roundTrip(vae),
});

/** x [B, C, h, w] → [B, C, s·h, s·w], interpolated. */
export function enlarge(x: Tensor, scale: number, mode: 'bicubic' | 'bilinear'): Tensor {
  const [, channels = 0, height = 0, width = 0] = x.shape;
  return scoped(x, (input) => {
    const size = { height: height * scale, width: width * scale };
    const larger = resize2d(toChannelsLast(input), { ...size, mode, antialias: true });
    return toChannelsFirst(larger, { channels });
  });
}
