import type { Capabilities } from '../capabilities.ts';
import { KernelError } from '../errors.ts';
import {
  type AnyKernel,
  type Binding,
  type Constants,
  type Kernel,
  type Params,
  type ParamType,
  packParams,
  resolveConstants,
  resolveGrid,
  unsupported,
} from '../wgsl/index.ts';
import { BindGroupCache } from './bind-groups.ts';
import { type BufferRange, bufferOf, type GpuBuffer } from './buffer.ts';
import { checkAliases, checkBinding, checkGrid } from './operands.ts';
import { PipelineCache } from './pipelines.ts';
import type { Command } from './recorder.ts';

export interface Dispatch<B extends Record<string, Binding>, P extends Record<string, ParamType>> {
  readonly buffers: { readonly [K in keyof B]?: BufferRange | undefined };
  readonly params: Params<P>;
  readonly constants?: Constants;
}

export interface Prepared {
  readonly command: Command;
  /** Every operand. */
  readonly ranges: readonly BufferRange[];
  /** What the kernel writes. */
  readonly written: readonly GpuBuffer[];
  readonly replayParams: readonly ReplayParam[];
}

/** A param that a replay may set anew: a u32 in the bytes that the command holds. */
export interface ReplayParam {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly offset: number;
}

/** Turns a kernel with its operands into a command to record, after every check that needs no GPU. */
export class Dispatcher {
  readonly #capabilities: Capabilities;
  readonly #foldAt: number | undefined;
  readonly #pipelines: PipelineCache;
  readonly #bindGroups: BindGroupCache;
  readonly #checkBuffer: (buffer: GpuBuffer, by: string) => void;

  constructor(
    gpu: GPUDevice,
    capabilities: Capabilities,
    paramsLayout: GPUBindGroupLayout,
    watch: (outcome: Promise<Error | undefined>) => void,
    checkBuffer: (buffer: GpuBuffer, by: string) => void,
    foldAt: number | undefined,
  ) {
    this.#foldAt = foldAt;
    this.#capabilities = capabilities;
    this.#pipelines = new PipelineCache(gpu, capabilities, paramsLayout, watch);
    this.#bindGroups = new BindGroupCache(gpu, watch);
    this.#checkBuffer = checkBuffer;
  }

  /** Starts to compile. Throws as `prepare` does, without what concerns operands. */
  compile(kernel: AnyKernel, given: Constants): void {
    this.#pipelines.get(kernel, this.#supported(kernel, given));
  }

  /** The command, or undefined where the grid is empty. Throws what `Device.dispatch` documents. */
  prepare<B extends Record<string, Binding>, P extends Record<string, ParamType>>(
    kernel: Kernel<B, P>,
    { buffers, params, constants: given = {} }: Dispatch<B, P>,
  ): Prepared | undefined {
    const { name } = kernel;
    const constants = this.#supported(kernel, given);
    const broken = kernel.check?.(params, constants);
    if (broken) {
      throw new KernelError(
        'kernel-precondition',
        `${name}: ${broken} (params ${JSON.stringify(params)})`,
        'Call the family, which picks a variant that takes this shape.',
      );
    }
    const compiled = this.#pipelines.get(kernel, constants);
    const ranges = compiled.bindingNames.map((binding) => this.#operand(name, binding, buffers[binding]));
    const written = compiled.written.map((index) => ranges[index] as BufferRange);
    checkAliases(name, compiled, ranges);
    const packed = packParams(kernel, params);
    const grid = resolveGrid(kernel.grid(params, constants), this.#foldAt);
    if (grid[0] === 0 || grid[1] === 0 || grid[2] === 0) return undefined;
    checkGrid(name, grid, this.#capabilities.limits);
    const [x, y, z] = grid;
    const { immediates } = compiled;
    const command: Command = {
      kernel: name,
      pipeline: compiled.pipeline,
      bindGroup: this.#bindGroups.get(name, compiled, ranges),
      immediates: immediates && packed.byteLength > 0 ? packed.buffer : undefined,
      uniforms: immediates || packed.byteLength === 0 ? undefined : packed,
      x,
      y,
      z,
      flops: kernel.cost(params, constants).flops,
    };
    const replayParams = (kernel.replayParams ?? []).map((param) => {
      return { name: param, bytes: packed, offset: 4 * kernel.paramNames.indexOf(param) };
    });
    return { command, ranges, written: written.map(bufferOf), replayParams };
  }

  /** Lets go of the buffers that bind groups name. */
  destroy(): void {
    this.#bindGroups.clear();
  }

  #supported(kernel: AnyKernel, given: Constants): Constants {
    const constants = resolveConstants(kernel, given, this.#capabilities);
    const reason = unsupported(kernel, constants, this.#capabilities);
    if (!reason) return constants;
    throw new KernelError(
      'kernel-unsupported',
      `${kernel.name} ${reason}`,
      'Let the family choose the variant.',
    );
  }

  #operand(kernel: string, name: string, range: BufferRange | undefined): BufferRange {
    if (!range) {
      throw new KernelError('kernel-binding', `${kernel} needs a buffer for ${name}`, 'Pass every binding.');
    }
    this.#checkBuffer(bufferOf(range), kernel);
    checkBinding(kernel, name, range, this.#capabilities.limits);
    return range;
  }
}
