import type { BufferRange } from './buffer.ts';
import { inErrorScopes, refused } from './error-scopes.ts';
import { wholeWords } from './operands.ts';
import type { CompiledKernel } from './pipelines.ts';

/** Groups of one generation; two are kept. */
const generationSize = 2048;

/**
 * Bind groups by pipeline and ranges: creating one costs about 15 µs, finding it about 1. Kept are those that were
 * used since the last time 2,048 others were, at the most twice as many: sizes that vary would let it grow for ever.
 */
export class BindGroupCache {
  readonly #gpu: GPUDevice;
  readonly #watch: (outcome: Promise<Error | undefined>) => void;
  #young = new Map<string, GPUBindGroup>();
  #old = new Map<string, GPUBindGroup>();

  constructor(gpu: GPUDevice, watch: (outcome: Promise<Error | undefined>) => void) {
    this.#gpu = gpu;
    this.#watch = watch;
  }

  /** Number of groups that are kept. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** @param ranges in the order of the kernel's bindings */
  get(kernel: string, compiled: CompiledKernel, ranges: readonly BufferRange[]): GPUBindGroup {
    let key = `${compiled.id}|`;
    for (const range of ranges) {
      const buffer = 'offset' in range ? range.buffer : range;
      // Kept, the group would keep the caller's buffer alive.
      if (!buffer.owned) return this.#create(kernel, compiled, ranges);
      const { offset, size } = place(range);
      key += `${buffer.id}:${offset}:${size};`;
    }
    const known = this.#young.get(key);
    if (known) return known;
    const group = this.#old.get(key) ?? this.#create(kernel, compiled, ranges);
    this.#young.set(key, group);
    if (this.#young.size >= generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    return group;
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #create(kernel: string, compiled: CompiledKernel, ranges: readonly BufferRange[]): GPUBindGroup {
    const entries = ranges.map((range, binding) => ({ binding, resource: place(range) }));
    const { value: group, error } = inErrorScopes(this.#gpu, ['validation'], () =>
      this.#gpu.createBindGroup({ label: kernel, layout: compiled.layout, entries }),
    );
    this.#watch(
      error.then((found) => {
        if (!found) return undefined;
        this.clear();
        return refused(`binding the buffers of ${kernel}`, found.message);
      }),
    );
    return group;
  }
}

/** Bindings are whole words and not empty. */
const bindable = (bytes: number) => Math.max(4, wholeWords(bytes));

/** A buffer's own length, not its capacity: WGSL's arrayLength and bounds checks then see the tensor. */
function place(range: BufferRange): { buffer: GPUBuffer; offset: number; size: number } {
  const [buffer, offset, bytes] =
    'offset' in range ? [range.buffer, range.offset, range.size] : [range, 0, range.byteLength];
  return { buffer: buffer.gpu, offset: buffer.base + offset, size: bindable(bytes) };
}
