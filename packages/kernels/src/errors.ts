/**
 * The base of every error that this project throws.
 *
 * `code` is stable and meant for programs, `message` says what happened and to which op or file,
 * `fix` says in one sentence what the caller can do about it.
 */
export class LuaWebGpuError extends Error {
  readonly code: string;
  readonly fix: string;

  constructor(code: string, message: string, fix: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.fix = fix;
    this.name = new.target.name;
  }
}

/** No adapter, an unknown adapter name, a missing feature. Codes: `adapter-*`. */
export class AdapterError extends LuaWebGpuError {}

/** The device was lost or destroyed; every pending and later call rejects with it. Code: `device-lost`. */
export class DeviceLostError extends LuaWebGpuError {}

/** A buffer that the device cannot give. Codes: `out-of-memory`, `buffer-too-large`, `binding-too-large`. */
export class AllocationError extends LuaWebGpuError {}

/** A WebGPU validation or internal error, reported on the next await with the kernels involved. Code: `gpu-validation`. */
export class GpuValidationError extends LuaWebGpuError {}

/** Shader text that the preprocessor or the compiler refuses. Codes: `wgsl-*`. */
export class ShaderError extends LuaWebGpuError {}

/** A kernel called outside its preconditions. Codes: `kernel-*`. */
export class KernelError extends LuaWebGpuError {}

/** Operand shapes, dtypes or attributes that an op does not take. Codes: `shape-*`, `dtype-*`, `attribute-*`. */
export class ShapeError extends LuaWebGpuError {}

/** Use after dispose, operands of two devices or of unrelated scopes. Codes: `tensor-*`, `scope-*`. */
export class LifetimeError extends LuaWebGpuError {}

/** A file that is not what it should be. Codes: `safetensors-*`, `pth-*`, `config-*`, `image-*`, `file-*`. */
export class FileError extends LuaWebGpuError {}

/** NaN or infinity where finite values are required. Code: `non-finite`. */
export class NonFiniteError extends LuaWebGpuError {}
