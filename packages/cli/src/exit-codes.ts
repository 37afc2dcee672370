import {
  AdapterError,
  AllocationError,
  DeviceLostError,
  FileError,
  LuaWebGpuError,
  NonFiniteError,
} from '@lua-webgpu/kernels';
import { InterruptedError, UsageError } from './errors.ts';

interface ExitCode {
  readonly code: number;
  readonly meaning: string;
  /** The error classes that end with this code. */
  readonly classes?: readonly (abstract new (
    ...args: never[]
  ) => LuaWebGpuError)[];
  /** Error codes that end with this one whatever their class. */
  readonly errorCodes?: readonly string[];
}

/** Every exit code of the command, in the order in which an error is looked up. */
export const exitCodes: readonly ExitCode[] = [
  { code: 0, meaning: 'done' },
  { code: 1, meaning: 'internal error, or a self-test or golden check failed' },
  {
    code: 2,
    meaning: 'the command line is wrong',
    classes: [UsageError],
    // Variables that name kernels or a precision count as part of it.
    errorCodes: [
      'scale-missing',
      'tile-size',
      'latent-size',
      'image-extension',
      'prepare-options',
      'kernel-forced',
      'kernel-unknown',
      'matmul-precision',
    ],
  },
  {
    code: 3,
    meaning:
      'a file is missing, broken, of the wrong kind or shape, or cannot be written; a bad configuration',
    classes: [FileError],
    errorCodes: [
      'latent-shape',
      'latent-channels',
      'image-small',
      'vae-part',
      'state-dict-mismatch',
      'train-data',
      'train-vae-missing',
    ],
  },
  { code: 4, meaning: 'no usable GPU adapter, or none of that name', classes: [AdapterError] },
  { code: 5, meaning: 'out of GPU memory', classes: [AllocationError] },
  { code: 6, meaning: 'the GPU device was lost', classes: [DeviceLostError] },
  {
    code: 7,
    meaning: 'NaN or infinity in the latent or in the result; training that diverged',
    classes: [NonFiniteError],
    errorCodes: ['train-diverged'],
  },
  {
    code: 130,
    meaning:
      'interrupted by Ctrl-C (143: by SIGTERM); no file is half written; train leaves a checkpoint, prepare what was encoded',
  },
];

/** The exit code that an error ends the process with; 1 for what has no place in the table. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return error.exitCode;
  if (!(error instanceof LuaWebGpuError)) return 1;
  const byCode = exitCodes.find(({ errorCodes }) => errorCodes?.includes(error.code));
  const found = byCode ?? exitCodes.find(({ classes }) => classes?.some((each) => error instanceof each));
  return found?.code ?? 1;
}
