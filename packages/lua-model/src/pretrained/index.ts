/** Weights that come with the package. */

export { loadPretrained, loadPretrainedDecoder, type PretrainedOptions, pretrainedUrl } from './load.ts';
export {
  isPretrainedName,
  type PretrainedEntry,
  type PretrainedName,
  pretrainedEntry,
  pretrainedNames,
} from './registry.ts';
