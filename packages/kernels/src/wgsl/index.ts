export { type AssembledShader, assemble, packParams } from './assemble.ts';
export { foldGrid, type Grid, type GridSpec, resolveGrid } from './grid.ts';
export {
  type AnyKernel,
  activeBindings,
  type Binding,
  type Cost,
  constantCombinations,
  defineKernel,
  type Kernel,
  maxParamBytes,
  type Params,
  type ParamType,
  read,
  resolveConstants,
  unsupported,
  write,
} from './kernel.ts';
export type { Constants } from './preprocess.ts';
