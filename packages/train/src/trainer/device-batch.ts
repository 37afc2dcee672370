import type { HostLatent } from '@lua-webgpu/lua-model';
import type { Scope, Tensor } from '@lua-webgpu/tensor';
import type { Batch } from '../data/index.ts';

/** A micro-batch on the device. */
export class DeviceBatch {
  /** Of its tensors, and of what is computed from them and outlives the computation; the caller's. */
  readonly scope: Scope;
  /** [B, C, h, w] */
  readonly hr: Tensor;
  /** By scale: [B, C, h/s, w/s] */
  readonly lr: ReadonlyMap<number, Tensor>;
  /** The photographs' pixels where the loader read them: [B, 3, H, W] in [0, 1]. */
  readonly pixels: Tensor | undefined;

  /** @param scales whose LR latents are uploaded  @throws RangeError where the batch lacks one */
  constructor(scope: Scope, batch: Batch, scales: readonly number[]) {
    this.scope = scope;
    const upload = ({ data, shape }: HostLatent) => scope.tensor(data, shape);
    this.hr = upload(batch.hr);
    this.lr = new Map(scales.map((scale) => [scale, upload(ofScale(batch, scale))]));
    this.pixels = batch.pixels && upload(batch.pixels);
  }

  /** Overwrites the tensors with those of a batch of the same shapes. */
  write(batch: Batch): void {
    const { device } = this.scope;
    device.write(this.hr.buffer(), 0, batch.hr.data);
    for (const [scale, tensor] of this.lr) device.write(tensor.buffer(), 0, ofScale(batch, scale).data);
    if (this.pixels && batch.pixels) device.write(this.pixels.buffer(), 0, batch.pixels.data);
  }
}

function ofScale(batch: Batch, scale: number): HostLatent {
  const found = batch.lr.get(scale);
  if (!found) throw new RangeError(`the batch has no ×${scale} latents`);
  return found;
}
