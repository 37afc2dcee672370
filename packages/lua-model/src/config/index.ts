export { closest } from '@lua-webgpu/kernels';
/** Configurations of the network: reading, presets, guessing from weights, and the state dict that follows from one. */

export { guessConfig, type TensorShapes } from './guess.ts';
export { configToJson } from './layouts.ts';
export { parseConfig, parseConfigText } from './parse.ts';
export { isPresetName, type PresetName, type PresetOptions, preset, presetNames } from './presets.ts';
export { type KnownKeys, type Problem, pathText, problemsOf, refusal, shown } from './problems.ts';
export { otherKind } from './recognise.ts';
export { expectedBuffers, expectedTensors, parameterCount } from './tensors.ts';
export {
  type HeadConfig,
  type LuaConfig,
  mlpHidden,
  shuffleFactors,
  type Upsampler,
  windowing,
} from './types.ts';
