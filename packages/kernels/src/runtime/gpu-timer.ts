import { KernelError } from '../errors.ts';

/** GPU time of all dispatches of one kernel. */
export interface KernelTime {
  readonly kernel: string;
  readonly dispatches: number;
  readonly ms: number;
  /** Floating-point operations by the kernel's declaration. */
  readonly flops: number;
}

/** The GPU's work on one dispatch. */
export interface GpuPass {
  readonly kernel: string;
  /** What `Device.labelPasses` said last. */
  readonly label: string;
  /** On the GPU's clock, from an arbitrary moment on, milliseconds. */
  readonly begin: number;
  readonly end: number;
  /** Floating-point operations by the kernel's declaration. */
  readonly flops: number;
}

/** Time by kernel, the longest first. */
export function timeByKernel(passes: readonly GpuPass[]): KernelTime[] {
  const totals = new Map<string, { dispatches: number; ms: number; flops: number }>();
  for (const { kernel, begin, end, flops } of passes) {
    const total = totals.get(kernel) ?? { dispatches: 0, ms: 0, flops: 0 };
    total.dispatches += 1;
    total.ms += end - begin;
    total.flops += flops;
    totals.set(kernel, total);
  }
  const times = [...totals].map(([kernel, total]) => ({ kernel, ...total }));
  return times.sort((a, b) => b.ms - a.ms);
}

const bytesPerTimestamp = 8;

/** Takes a timestamp before and after every dispatch. */
export class GpuTimer {
  readonly #gpu: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #passes: GpuPass[] = [];
  readonly #reads: Promise<void>[] = [];
  #timed: Pick<GpuPass, 'kernel' | 'label' | 'flops'>[] = [];

  /**
   * @param dispatches the most of one submission
   * @throws KernelError `kernel-unsupported` where the device has no timestamps
   */
  constructor(gpu: GPUDevice, dispatches: number) {
    if (!gpu.features.has('timestamp-query')) {
      throw new KernelError(
        'kernel-unsupported',
        'profiling needs the feature timestamp-query, which the device lacks',
        'Open the device without featureLevel: compatibility, or on another adapter.',
      );
    }
    this.#gpu = gpu;
    this.#queries = gpu.createQuerySet({ type: 'timestamp', count: 2 * dispatches });
    this.#resolved = gpu.createBuffer({
      label: 'timestamps',
      size: 2 * dispatches * bytesPerTimestamp,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /** For the pass of one dispatch, which has to hold nothing else. */
  next(kernel: string, flops: number, label: string): GPUComputePassTimestampWrites {
    const at = 2 * this.#timed.length;
    this.#timed.push({ kernel, label, flops });
    return { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Records fetching the timestamps of a submission at its end, and returns what to call once it is submitted. */
  resolve(encoder: GPUCommandEncoder): () => void {
    const timed = this.#timed;
    this.#timed = [];
    if (timed.length === 0) return () => undefined;
    const size = 2 * timed.length * bytesPerTimestamp;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const readable = this.#gpu.createBuffer({ label: 'timestamps', size, usage });
    encoder.resolveQuerySet(this.#queries, 0, 2 * timed.length, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, readable, 0, size);
    return () => this.#reads.push(this.#read(readable, timed));
  }

  /** In the order of their beginning, once everything that was submitted is done. */
  async passes(): Promise<GpuPass[]> {
    await Promise.all(this.#reads);
    return this.#passes.toSorted((a, b) => a.begin - b.begin);
  }

  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }

  async #read(
    readable: GPUBuffer,
    timed: readonly Pick<GpuPass, 'kernel' | 'label' | 'flops'>[],
  ): Promise<void> {
    await readable.mapAsync(GPUMapMode.READ);
    const nanoseconds = new BigUint64Array(readable.getMappedRange());
    const ms = (i: number) => Number(nanoseconds[i] ?? 0n) / 1e6;
    timed.forEach((pass, i) => {
      this.#passes.push({ ...pass, begin: ms(2 * i), end: ms(2 * i + 1) });
    });
    readable.destroy();
  }
}
