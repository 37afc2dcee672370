/** Weights that come with the package. */

export { loadPretrained, loadPretrainedDecoder, type PretrainedOptions, pretrainedUrl } from './load.ts';
export {
  isPretrainedName,
  type PretrainedDecoder,
  type PretrainedEntry,
  type PretrainedName,
  type PretrainedNetwork,
  pretrainedDecoder,
  pretrainedEntry,
  pretrainedNames,
  pretrainedNetwork,
  pretrainedNetworks,
} from './registry.ts';
