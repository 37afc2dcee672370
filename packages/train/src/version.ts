/** Of package.json, which a bundle of this package does not have beside it. */
const version = '0.1.0';

/** `lua-webgpu` and the version of this package, as checkpoints and metrics name it. */
export const trainerVersion = (): string => `lua-webgpu ${version}`;
