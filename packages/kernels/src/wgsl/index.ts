export { type AssembledShader, assemble } from './assemble.ts';
export { type Family, pick, refusal, type Variant } from './family.ts';
export {
  type AnyKernel,
  type Cost,
  constantCombinations,
  defineKernel,
  foldGrid,
  type Grid,
  type Kernel,
  read,
  unsupported,
  write,
} from './kernel.ts';
export type { Constants } from './preprocess.ts';
