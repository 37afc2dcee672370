import { type LuaConfig, preset } from '@lua-webgpu/lua-model';
import { type FileTensor, fromFloat32 } from '@lua-webgpu/tensor';
import type { CheckpointContent, TrainingState } from '@lua-webgpu/train';

/** Checkpoints that need no GPU: tensors whose values follow from the step. */
export function contentAt(step: number, { size = 64 } = {}): CheckpointContent {
  const tensor = (offset: number): FileTensor =>
    fromFloat32(new Float32Array(size).fill(step + offset), [size]);
  return {
    config: testConfig,
    weights: new Map([
      ['a.weight', tensor(0.1)],
      ['b.weight', tensor(0.2)],
    ]),
    // b is frozen: the average does not know it.
    ema: new Map([['params_ema.a.weight', tensor(0.3)]]),
    optimizer: new Map([
      ['exp_avg.a.weight', tensor(0.4)],
      ['exp_avg_sq.a.weight', tensor(0.5)],
      ['step', fromFloat32(Float32Array.of(step), [])],
    ]),
    state: stateAt(step),
  };
}

export const testConfig: LuaConfig = preset('tiny', { in_chans: 4, scales: [2] });

export function stateAt(step: number): TrainingState {
  return {
    step,
    stage: 'I',
    stageIndex: 0,
    stageStep: step,
    counters: { skipped: 2, seconds: 3.5 },
    adapter: { name: 'A', vendor: 'v', architecture: 'x', kind: 'software', origin: 'system' },
    kernels: { matmul: 'tiled' },
    configSha256: '0'.repeat(64),
    version: 'lua-webgpu 0.1.0',
    metrics: { 'psnr.x2.lua': 21.5 },
    written: new Date(1_700_000_000_000 + step).toISOString(),
  };
}
