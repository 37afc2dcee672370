export {
  type ChannelsShape,
  type LayoutBuffers,
  toChannelsFirst,
  toChannelsFirstFamily,
  toChannelsFirstScalar,
  toChannelsFirstVector,
  toChannelsLast,
  toChannelsLastFamily,
  toChannelsLastScalar,
  toChannelsLastVector,
} from './channels.ts';
export {
  type UpsampleNearestShape,
  upsampleNearest,
  upsampleNearestFamily,
  upsampleNearestScalar,
  upsampleNearestVector,
} from './upsample.ts';
