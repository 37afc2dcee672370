import { shaders } from '../shaders.generated.ts';

export {
  preferProduct,
  preferSharedTiles,
  preferSubgroupRows,
  sharedColumns,
  sharedTile,
  sharedTiles,
  subgroupRows,
  subgroupRowsName,
  withoutIdleLanes,
} from './product-variants.ts';

/** What a GEMM or convolution does to its result before the store. */
export type Activation =
  | { readonly kind: 'none' }
  | { readonly kind: 'gelu' }
  | { readonly kind: 'leaky-relu'; readonly slope: number };

const codes = { none: 0, gelu: 1, 'leaky-relu': 2 } as const;

/** Values of the ACTIVATION constant. */
export const activationCodes = [0, 1, 2] as const;

/** The ACTIVATION constant and the slope param of an activation. */
export function encodeActivation(activation: Activation): { code: number; slope: number } {
  return { code: codes[activation.kind], slope: activation.kind === 'leaky-relu' ? activation.slope : 0 };
}

export const normalLibrary = { 'lib/normal.wgsl': shaders['lib/normal.wgsl'] };
export const activationLibrary = { ...normalLibrary, 'lib/activation.wgsl': shaders['lib/activation.wgsl'] };
/** combine(), the four-by-four step of a matrix product. */
export const combineLibrary = { 'lib/combine.wgsl': shaders['lib/combine.wgsl'] };
