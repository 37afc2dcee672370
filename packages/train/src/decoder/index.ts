export {
  type DecoderOptions,
  type DecoderProgress,
  type DecoderRecipe,
  demoDecoder,
  type TrainedDecoder,
  trainDecoder,
} from './train-decoder.ts';
