import { AllocationError, DeviceLostError, GpuValidationError } from '../errors.ts';

export interface Scoped<T> {
  readonly value: T;
  /** What the scopes caught; settles later, and rejects where the device is lost. */
  readonly error: Promise<GPUError | undefined>;
}

/** Runs `body` in error scopes, which are closed even when it throws: what stays open would catch others' errors. */
export function inErrorScopes<T>(
  gpu: GPUDevice,
  filters: readonly GPUErrorFilter[],
  body: () => T,
): Scoped<T> {
  for (const filter of filters) gpu.pushErrorScope(filter);
  let value: T;
  try {
    value = body();
  } catch (thrown) {
    for (const _ of filters) gpu.popErrorScope().catch(() => undefined);
    throw thrown;
  }
  const caught = Promise.all(filters.map(() => gpu.popErrorScope()));
  const error = caught.then((errors) => errors.find((each) => each !== null) ?? undefined);
  // Who does not ask for it is not to hear of it as an unhandled rejection either.
  error.catch(() => undefined);
  return { value, error };
}

/** The error for a buffer of `bytes` bytes that the device could not give. */
export function outOfMemory(bytes: number, message: string): AllocationError {
  return new AllocationError(
    'out-of-memory',
    `the device could not allocate ${bytes} bytes: ${message}`,
    'Close other programs that use the GPU, or pass a smaller `tile` or batch.',
  );
}

/** The error for commands that WebGPU refused. `what` names the kernels or the operation. */
export function refused(what: string, message: string): GpuValidationError {
  return new GpuValidationError(
    'gpu-validation',
    `${what} failed: ${message}`,
    'If no buffer of yours was destroyed in use, this is a defect of the library: report it with the message.',
  );
}

export function deviceLost(reason: string): DeviceLostError {
  return new DeviceLostError(
    'device-lost',
    `the GPU device was lost: ${reason}`,
    'Open a new device and load the model again; tensors of the lost device are gone.',
  );
}
