import type { Device } from '@lua-webgpu/kernels';
/** One measurement: `run` records the work, the harness waits for the GPU. */
export interface BenchCase {
  readonly name: string;
  setup(device: Device): Promise<{
    run(): void;
    /** Floating-point operations and bytes that have to move, of one run. */
    flops: number;
    bytes: number;
    dispose(): void;
  }>;
}
//# sourceMappingURL=case.d.ts.map
