import type { OptionSpec } from './arguments.ts';
import { profileNames } from './latent-scale.ts';

/** Options that several commands have, so that they are named and described alike. */
export const shared = {
  adapter: {
    type: 'string',
    placeholder: 'NAME',
    about: 'part of a name, or hardware, software, lavapipe, swiftshader; lua-webgpu doctor lists them',
  },
  vae: {
    type: 'string',
    placeholder: 'PATH',
    about:
      'a TAESD or AutoencoderKL: a file, what the names of an encoder and a decoder file begin with, or a diffusers folder; to decode, also flux-tiny-decoder',
  },
  profile: {
    type: 'string',
    choices: profileNames,
    about: 'the VAE family; default: what the files say',
  },
  latentScale: {
    type: 'string',
    choices: ['decoder', 'diffusion'],
    about: 'the scale that the latent is in, see below',
  },
  modelScale: {
    type: 'string',
    choices: ['decoder', 'diffusion'],
    about: 'the scale of the latents that the model was trained on',
  },
  trace: {
    type: 'string',
    placeholder: 'FILE.json',
    about: 'also write when the program and the GPU did what, for ui.perfetto.dev or chrome://tracing',
  },
  size: {
    type: 'string',
    placeholder: 'HxW',
    about: 'size, in latent pixels, of a packed latent that is not square',
  },
  tile: {
    type: 'string',
    placeholder: 'N',
    about: 'side of a tile of the VAE in latent pixels; default: no tiles where memory allows',
  },
  overlap: {
    type: 'string',
    placeholder: 'N',
    about: 'latent pixels that a tile of the VAE reads beyond its side; default: 16',
  },
  maxPixels: {
    type: 'string',
    placeholder: 'N',
    about: 'refuse pictures with more pixels; default: 268435456',
  },
} as const satisfies Record<string, OptionSpec>;
