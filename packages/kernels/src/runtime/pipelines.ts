import { assemble } from '../wgsl/index.ts';
import { activeBindings, type AnyKernel } from '../wgsl/index.ts';
import type { Constants } from '../wgsl/index.ts';
import type { Capabilities } from '../capabilities.ts';
import { ShaderError } from '../errors.ts';

export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly bindingNames: readonly string[];
}

/** Pipelines by kernel and constants. Creation is synchronous; what the compiler says arrives through `report`. */
export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #capabilities: Capabilities;
  readonly #paramsLayout: GPUBindGroupLayout;
  readonly #report: (failure: Promise<Error | undefined>) => void;
  readonly #byKernel = new Map<AnyKernel, Map<string, CompiledKernel>>();

  constructor(
    gpu: GPUDevice,
    capabilities: Capabilities,
    paramsLayout: GPUBindGroupLayout,
    report: (failure: Promise<Error | undefined>) => void,
  ) {
    this.#gpu = gpu;
    this.#capabilities = capabilities;
    this.#paramsLayout = paramsLayout;
    this.#report = report;
  }

  get(kernel: AnyKernel, constants: Constants): CompiledKernel {
    let byConstants = this.#byKernel.get(kernel);
    if (!byConstants) {
      byConstants = new Map();
      this.#byKernel.set(kernel, byConstants);
    }
    let key = '';
    for (const name of kernel.constantNames) key += `${constants[name]},`;
    let compiled = byConstants.get(key);
    if (!compiled) {
      compiled = this.#compile(kernel, constants);
      byConstants.set(key, compiled);
    }
    return compiled;
  }

  #compile(kernel: AnyKernel, constants: Constants): CompiledKernel {
    const paramBytes = kernel.paramNames.length * 4;
    const immediates = paramBytes <= this.#capabilities.immediateBytes;
    const shader = assemble(kernel, constants, immediates);
    const bindings = activeBindings(kernel, constants);
    const gpu = this.#gpu;
    gpu.pushErrorScope('validation');
    const layout = gpu.createBindGroupLayout({
      label: kernel.name,
      entries: bindings.map(([, { access }], binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
      })),
    });
    const usesImmediates = immediates && paramBytes > 0;
    const layoutDescriptor: GPUPipelineLayoutDescriptor = {
      label: kernel.name,
      bindGroupLayouts: immediates || paramBytes === 0 ? [layout] : [layout, this.#paramsLayout],
      ...(usesImmediates ? { immediateSize: paramBytes } : {}),
    };
    const module = gpu.createShaderModule({ label: kernel.name, code: shader.text });
    const pipeline = gpu.createComputePipeline({
      label: kernel.name,
      layout: gpu.createPipelineLayout(layoutDescriptor),
      compute: { module, entryPoint: 'main' },
    });
    this.#report(
      gpu.popErrorScope().then(async (error) => {
        if (!error) return undefined;
        const info = await module.getCompilationInfo();
        const messages = info.messages
          .filter((message) => message.type === 'error')
          .map((message) => `${shader.locate(message.lineNum)}: ${message.message}`);
        return new ShaderError(
          'wgsl-compile',
          `${kernel.name} ${JSON.stringify(constants)}: ${messages.join('; ') || error.message}`,
          'This is a defect of the shader on this adapter; force another variant of the kernel and report it.',
        );
      }),
    );
    return { pipeline, layout, bindingNames: bindings.map(([name]) => name) };
  }
}
