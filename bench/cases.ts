import type { BenchCase } from './case.ts';
import { cases as matmul } from './kernels/matmul.ts';

/** Every case, kernels first. */
export const allCases: readonly BenchCase[] = [...matmul];
