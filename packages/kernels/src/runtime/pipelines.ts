import type { Capabilities } from '../capabilities.ts';
import { ShaderError } from '../errors.ts';
import type { AnyKernel, AssembledShader, Constants } from '../wgsl/index.ts';
import { activeBindings, assemble } from '../wgsl/index.ts';
import { inErrorScopes } from './error-scopes.ts';

export interface CompiledKernel {
  /** Identifies the pipeline in the bind-group cache. */
  readonly id: number;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly bindingNames: readonly string[];
  /** Places, among the binding names, of those that the kernel writes. */
  readonly written: readonly number[];
  /** Whether the params travel as immediates; otherwise through the uniform ring. */
  readonly immediates: boolean;
}

/** Pipelines by kernel and constants. Creation is synchronous; what the compiler says arrives through `watch`. */
export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #capabilities: Capabilities;
  readonly #paramsLayout: GPUBindGroupLayout;
  readonly #watch: (outcome: Promise<Error | undefined>) => void;
  readonly #byKernel = new Map<AnyKernel, Map<string, CompiledKernel | ShaderError>>();
  #nextId = 1;

  constructor(
    gpu: GPUDevice,
    capabilities: Capabilities,
    paramsLayout: GPUBindGroupLayout,
    watch: (outcome: Promise<Error | undefined>) => void,
  ) {
    this.#gpu = gpu;
    this.#capabilities = capabilities;
    this.#paramsLayout = paramsLayout;
    this.#watch = watch;
  }

  /** @throws ShaderError `wgsl-*` at once for what the preprocessor refuses and what did not compile before */
  get(kernel: AnyKernel, constants: Constants): CompiledKernel {
    let byConstants = this.#byKernel.get(kernel);
    if (!byConstants) {
      byConstants = new Map();
      this.#byKernel.set(kernel, byConstants);
    }
    let key = '';
    for (const name of kernel.constantNames) key += `${constants[name]},`;
    const known = byConstants.get(key);
    if (known instanceof ShaderError) throw known;
    if (known) return known;
    const { compiled, failure } = this.#compile(kernel, constants);
    byConstants.set(key, compiled);
    this.#watch(
      failure.then((error) => {
        if (error) byConstants.set(key, error);
        return error;
      }),
    );
    return compiled;
  }

  #compile(kernel: AnyKernel, constants: Constants) {
    const paramBytes = kernel.paramNames.length * 4;
    const immediates = paramBytes <= this.#capabilities.immediateBytes;
    const shader = assemble(kernel, constants, immediates);
    const bindings = activeBindings(kernel, constants);
    const gpu = this.#gpu;
    const { value, error } = inErrorScopes(gpu, ['internal', 'out-of-memory', 'validation'], () => {
      const layout = gpu.createBindGroupLayout({
        label: kernel.name,
        entries: bindings.map(([, { access }], binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        })),
      });
      const module = gpu.createShaderModule({ label: kernel.name, code: shader.text });
      const pipeline = gpu.createComputePipeline({
        label: kernel.name,
        layout: gpu.createPipelineLayout({
          label: kernel.name,
          bindGroupLayouts: immediates || paramBytes === 0 ? [layout] : [layout, this.#paramsLayout],
          ...(immediates && paramBytes > 0 ? { immediateSize: paramBytes } : {}),
        }),
        compute: { module, entryPoint: 'main' },
      });
      return { layout, module, pipeline };
    });
    const { layout, module, pipeline } = value;
    const compiled: CompiledKernel = {
      id: this.#nextId++,
      pipeline,
      layout,
      bindingNames: bindings.map(([name]) => name),
      written: bindings.flatMap(([, { access }], index) => (access === 'read' ? [] : [index])),
      immediates,
    };
    const failure = error.then((found) => found && compileError(kernel, constants, shader, module, found));
    return { compiled, failure };
  }
}

async function compileError(
  kernel: AnyKernel,
  constants: Constants,
  shader: AssembledShader,
  module: GPUShaderModule,
  error: GPUError,
): Promise<ShaderError> {
  const { messages } = await module.getCompilationInfo();
  const located = messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, message }) => `${shader.locate(lineNum)}: ${message}`);
  return new ShaderError(
    'wgsl-compile',
    `${kernel.name} ${JSON.stringify(constants)}: ${located.join('; ') || error.message}`,
    'This is a defect of the shader on this adapter; force another variant of the kernel and report it.',
  );
}
