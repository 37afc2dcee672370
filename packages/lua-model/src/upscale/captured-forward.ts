import { type Capture, type Device, ShapeError } from '@lua-webgpu/kernels';
import { formatShape, openScope, type Scope, type Shape, type Tensor } from '@lua-webgpu/tensor';
import type { Lua } from '../network/index.ts';

/**
 * The forward pass of a network for latents of one shape, recorded once: a run copies the latent in and records the same
 * dispatches with the same buffers. The memory of one forward pass stays with it until it is disposed.
 *
 * ```ts
 * using forward = captureForward(device, model, [1, 16, 64, 64], [2]);
 * const larger = forward.run(latent).get(2); // until the next run
 * ```
 */
export class CapturedForward {
  readonly shape: Shape;
  /** Per scale a tensor [B, C, s·h, s·w], valid until the next run. */
  readonly outputs: ReadonlyMap<number, Tensor>;
  /** What a run records: dispatches, copies and clears. */
  readonly commands: number;
  readonly capture: Capture;
  readonly #scope: Scope;
  readonly #input: Tensor;

  /** Made by `captureForward`. */
  constructor(scope: Scope, input: Tensor, outputs: ReadonlyMap<number, Tensor>, capture: Capture) {
    this.shape = input.shape;
    this.outputs = outputs;
    this.commands = capture.commands;
    this.#scope = scope;
    this.#input = input;
    this.capture = capture;
  }

  /**
   * Records a forward pass of `latent`, f32 of the captured shape.
   * @returns `outputs`, overwritten
   * @throws ShapeError `latent-shape`; LifetimeError `capture-released`, DeviceLostError
   */
  run(latent: Tensor): ReadonlyMap<number, Tensor> {
    const { shape } = this;
    if (latent.dtype !== 'f32' || formatShape(latent.shape) !== formatShape(shape)) {
      throw new ShapeError(
        'latent-shape',
        `the forward pass was captured for ${formatShape(shape)}, the latent is ${formatShape(latent.shape)} ${latent.dtype}`,
        'Capture one per shape.',
      );
    }
    copyInto(this.#input, latent);
    this.capture.replay();
    return this.outputs;
  }

  dispose(): void {
    this.capture.release();
    this.#scope.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Runs the network once on zeros and keeps what was recorded.
 * @param shape [B, C, h, w]
 * @throws as `Lua.forward` does
 */
export function captureForward(
  device: Device,
  model: Lua,
  shape: Shape,
  scales: readonly number[] = model.scales,
): CapturedForward {
  return capture(device, model, shape, { scales, fill: (input) => device.clear(input.buffer()) });
}

/**
 * Forward passes of latents of a few shapes, such as tiles: each shape's is captured when it comes first and replayed from
 * then on, all in the same memory.
 */
export class CapturedForwards {
  readonly #model: Lua;
  readonly #scales: readonly number[];
  readonly #byShape = new Map<string, CapturedForward>();

  constructor(model: Lua, scales: readonly number[]) {
    this.#model = model;
    this.#scales = scales;
  }

  /** By scale, valid until the next run. Throws as `Lua.forward` does. */
  run(latent: Tensor): ReadonlyMap<number, Tensor> {
    const key = formatShape(latent.shape);
    const known = this.#byShape.get(key);
    if (known) return known.run(latent);
    const { device, shape } = latent;
    const fill = (input: Tensor) => copyInto(input, latent);
    const shares = [...this.#byShape.values()];
    const forward = capture(device, this.#model, shape, { scales: this.#scales, fill, shares });
    this.#byShape.set(key, forward);
    return forward.outputs;
  }

  dispose(): void {
    for (const forward of this.#byShape.values()) forward.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface CaptureForwardOptions {
  readonly scales: readonly number[];
  /** Records what the latent of the first run is. */
  readonly fill: (input: Tensor) => void;
  readonly shares?: readonly CapturedForward[];
}

function capture(
  device: Device,
  model: Lua,
  shape: Shape,
  { scales, fill, shares = [] }: CaptureForwardOptions,
): CapturedForward {
  const scope = openScope(device);
  try {
    const input = scope.empty(shape, 'f32', 'captured latent');
    fill(input);
    const options = { shares: shares.map((forward) => forward.capture) };
    const found = device.capture(() => model.forward(input, scales), options);
    return new CapturedForward(scope, input, found.result, found.capture);
  } catch (error) {
    scope.dispose();
    throw error;
  }
}

function copyInto(input: Tensor, latent: Tensor): void {
  const source = latent.buffer('the latent');
  latent.device.copy(source, 0, input.buffer(), 0, source.byteLength);
}

/**
 * Compiles everything that upscaling latents of this shape needs, by running it on zeros: some drivers (lavapipe) compile
 * at the first dispatch and not when they are asked to.
 * @param shape [B, C, h, w]
 * @throws as `Lua.forward` does, and what compiling throws
 */
export async function warmUp(
  device: Device,
  model: Lua,
  shape: Shape,
  scales: readonly number[] = model.scales,
): Promise<void> {
  using scope = openScope(device);
  const input = scope.empty(shape, 'f32', 'warm-up latent');
  device.clear(input.buffer());
  model.forward(input, scales);
  await device.synchronize();
}
