import { LuaWebGpuError } from '@lua-webgpu/kernels';

/** A command line that cannot be carried out as it is written. Codes: `usage-*`. */
export class UsageError extends LuaWebGpuError {}

/** Ctrl-C or a termination signal. Code: `interrupted`. */
export class InterruptedError extends LuaWebGpuError {
  /** 128 + the signal's number, as shells count. */
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super('interrupted', `stopped by ${signal}`, 'No file is half written; run the command again.');
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}
