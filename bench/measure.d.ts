import type { Device } from '@lua-webgpu/kernels';
import type { BenchCase } from './case.ts';
/** One row of a report. */
export interface Measurement {
  readonly name: string;
  /** Median and relative spread (in percent) of the wall time of one run, GPU drained, in ms. */
  readonly ms: number;
  readonly spread: number;
  readonly gflops: number;
  readonly gbytes: number;
}
/** Runs the cases one by one; every sample records once and waits for the GPU. */
export declare function measure(
  device: Device,
  cases: readonly BenchCase[],
  minSeconds: number,
): Promise<Measurement[]>;
//# sourceMappingURL=measure.d.ts.map
