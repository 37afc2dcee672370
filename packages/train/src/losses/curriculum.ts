import type { ObjectiveConfig } from './parse.ts';

/** The objectives of the three stages of LUA's curriculum (arXiv 2511.10629). */
export const stageObjectives = {
  I: { l1_latent: 1, fft_latent: 0.1 },
  II: { l1_latent: 1, fft_latent: 0.1, downsample: 0.1, high_frequency: 0.05 },
  III: { l1_pixel: 10, fft_pixel: 1, eagle: 5e-5 },
} as const satisfies Record<string, ObjectiveConfig>;
