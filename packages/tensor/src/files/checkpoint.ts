import { FileError } from '@lua-webgpu/kernels';
import type { FileTensor } from './dtype.ts';
import type { PthValue } from './pth.ts';
import { RESAVE } from './pth-refusal.ts';

/** Where in a checkpoint the tensors were found. */
export type CheckpointEntry = 'params_ema' | 'params' | 'state_dict' | 'model' | 'root';

export interface CheckpointTensors {
  readonly tensors: Map<string, FileTensor>;
  readonly entry: CheckpointEntry;
}

const ENTRIES = ['params_ema', 'params', 'state_dict', 'model'] as const;

/**
 * The weights of a checkpoint: the dict `params_ema` where present, else `params`, `state_dict`, `model`, else the root
 * when all its values are tensors. Where every name begins with `module.` (DataParallel), that prefix is removed.
 *
 * @throws FileError `pth-checkpoint` when no such dict exists, or the one that does holds something besides tensors.
 */
export function tensorsOfCheckpoint(value: PthValue, source: string): CheckpointTensors {
  if (!isDict(value)) {
    throw new FileError('pth-checkpoint', `${source}: the checkpoint is not a dict of tensors`, RESAVE);
  }
  for (const entry of ENTRIES) {
    const dict = value.get(entry);
    if (isDict(dict)) return { tensors: tensorsOf(dict, `${source}, entry ${entry}`), entry };
  }
  return { tensors: tensorsOf(value, source), entry: 'root' };
}

function tensorsOf(dict: ReadonlyMap<string, PthValue>, source: string): Map<string, FileTensor> {
  const strip = dict.size > 0 && [...dict.keys()].every((name) => name.startsWith('module.'));
  const tensors = new Map<string, FileTensor>();
  for (const [name, value] of dict) {
    if (!isTensor(value)) {
      const keys = [...dict.keys()].slice(0, 10).map((key) => JSON.stringify(key.slice(0, 60)));
      throw new FileError(
        'pth-checkpoint',
        `${source}: ${JSON.stringify(name.slice(0, 100))} is not a tensor; the keys are ${keys.join(', ')}${dict.size > 10 ? ', …' : ''}`,
        `Weights are looked for under ${ENTRIES.join(', ')}, or directly in the file. ${RESAVE}`,
      );
    }
    tensors.set(strip ? name.slice('module.'.length) : name, value);
  }
  return tensors;
}

function isDict(value: PthValue | undefined): value is ReadonlyMap<string, PthValue> {
  return value instanceof Map;
}

function isTensor(value: PthValue): value is FileTensor {
  return typeof value === 'object' && value !== null && 'dtype' in value;
}
