import { FileError } from '@lua-webgpu/kernels';

/** Makes the FileError `pth-<code>` of one file; the caller throws it. */
export type PthRefusal = (code: string, what: string, fix: string) => FileError;

/** The refusals of the file that messages call `source`. */
export function pthRefusal(source: string): PthRefusal {
  return (code, what, fix) => new FileError(`pth-${code}`, `${source}: ${what}`, fix);
}

/** What to do with a checkpoint that holds more than tensors and plain containers. */
export const RESAVE =
  "With PyTorch, keep the tensors alone: torch.save({'params': model.state_dict()}, 'weights.pth'), or write safetensors.";
