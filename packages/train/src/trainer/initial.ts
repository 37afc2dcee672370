import type { Device } from '@lua-webgpu/kernels';
import { createLua } from '@lua-webgpu/lua-model';
import { type FileTensor, readTensorFile } from '@lua-webgpu/tensor';
import { matchesAny, type TrainConfig } from '../config/index.ts';
import type { Snapshot } from './stage-state.ts';

/**
 * The weights that a run starts from: those of the configured file except what it says to replace, which is initialised
 * as everything is in a run from scratch.
 * @throws FileError, ShapeError `state-dict-mismatch` for a file that does not fit the network
 */
export async function initialWeights(device: Device, config: TrainConfig): Promise<Snapshot> {
  using model = createLua(device, config.model, { seed: config.seed });
  if (config.weights) {
    const { file, replace } = config.weights;
    const stored = (await readTensorFile(file)).tensors;
    const fresh = await model.stateDict();
    const merged = new Map<string, FileTensor>(stored);
    for (const [name, tensor] of fresh) if (matchesAny(replace, name)) merged.set(name, tensor);
    model.loadStateDict(device, merged);
  }
  return { weights: await model.stateDict() };
}
