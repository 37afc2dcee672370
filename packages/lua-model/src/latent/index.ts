/** Latents on the host: the VAE families' scales, and FLUX's packed form. */

export { type HostLatent, isPackedShape, packLatent, unpackLatent } from './packed.ts';
export { profileOf, profiles, profilesFor, toDecoder, toDiffusion, type VaeProfile } from './profiles.ts';
