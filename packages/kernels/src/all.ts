import { matmulFamily } from './matmul/index.ts';
import type { AnyKernel } from './wgsl/kernel.ts';

/** Every family with a choice of variants; the tests force each variant of each. */
export const families = [matmulFamily];

/** Every kernel; the tests compile each with every combination of its constants. */
export const kernels: readonly AnyKernel[] = families.flatMap(({ variants }) => variants.map(({ kernel }) => kernel));
