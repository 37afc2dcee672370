import { NonFiniteError } from '@lua-webgpu/kernels';
import { configToJson } from '@lua-webgpu/lua-model';
import { safetensorsParts, toFloat32 } from '@lua-webgpu/tensor';
import { encodeState } from './schema.ts';
import type { CheckpointContent, Tensors } from './types.ts';

/** What `Ema.stateDict()` puts before the name of a parameter. */
export const EMA_PREFIX = 'params_ema.';

/**
 * The files of a checkpoint but for the manifest, each as the parts that make it up.
 * @throws NonFiniteError `non-finite`, naming file and tensor; FileError `checkpoint-state`
 */
export function filesOf(content: CheckpointContent): Map<string, readonly Uint8Array[]> {
  const { config, weights, ema, optimizer, state } = content;
  const metadata = new Map([
    ['config', JSON.stringify(configToJson(config))],
    ['step', String(state.step)],
    ['version', state.version],
  ]);
  const tensors = new Map([['weights.safetensors', weights]]);
  if (ema) tensors.set('ema.safetensors', averaged(weights, ema));
  tensors.set('optimizer.safetensors', optimizer);
  for (const [file, each] of tensors) requireFinite(file, each);
  const files = new Map<string, readonly Uint8Array[]>();
  for (const [file, each] of tensors) files.set(file, safetensorsParts(each, metadata));
  return files.set('state.json', [encodeState(state)]);
}

/** The weights of the average: what has none, frozen parameters and buffers, is taken from the weights. */
function averaged(weights: Tensors, ema: Tensors): Tensors {
  return new Map([...weights].map(([name, tensor]) => [name, ema.get(EMA_PREFIX + name) ?? tensor]));
}

/** Integers are passed by: they are finite. */
function requireFinite(file: string, tensors: Tensors): void {
  for (const [name, tensor] of tensors) {
    if (!/^(F|BF)/.test(tensor.dtype)) continue;
    const at = toFloat32(tensor).findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new NonFiniteError(
      'non-finite',
      `${name} of ${file} is ${toFloat32(tensor)[at]} at element ${at}: no checkpoint of it is written`,
      'Go on from the last checkpoint with a lower learning rate or a tighter gradient clip.',
    );
  }
}
