export { Conv2d, type Conv2dOptions, GroupNorm, LayerNorm, Linear, type LinearOptions } from './layers.ts';
export { Group, type Initializer, type LoadReport, Module, ModuleList, Parameter } from './module.ts';
export {
  type ChannelMap,
  groupedChannels,
  type Packing,
  paddedChannels,
  plainChannels,
  plainPacking,
  shuffledChannels,
} from './packing.ts';
export { truncatedNormal, uniform } from './random.ts';
