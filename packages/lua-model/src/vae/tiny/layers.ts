import { add, Conv2d, chain, Group, Module, plainChannels, relu, type Tensor } from '@lua-webgpu/tensor';
import { type RunBlock, runStored } from '../../run-block.ts';

const reluActivation = { kind: 'leaky-relu', slope: 0 } as const;

/** relu(conv(relu(conv(relu(conv(x))))) + x), as in TAESD and diffusers' AutoencoderTinyBlock of equal widths. */
export class TinyBlock extends Module {
  readonly #convs: readonly [Conv2d, Conv2d, Conv2d];

  constructor(width: number) {
    super();
    const conv = () => new Conv2d(plainChannels(width), plainChannels(width));
    this.#convs = [conv(), conv(), conv()];
  }

  override members() {
    const [first, second, third] = this.#convs;
    return { conv: new Group({ 0: first, 2: second, 4: third }) };
  }

  /** x [B, H, W, width] → the same shape. */
  forward(x: Tensor): Tensor {
    const [first, second, third] = this.#convs;
    return chain(x, [
      (input) => first.forward(input, reluActivation),
      (hidden) => second.forward(hidden, reluActivation),
      (hidden) => third.forward(hidden),
      (hidden) => add(hidden, x),
      relu,
    ]);
  }
}

type Step = (x: Tensor) => Tensor;

/** PyTorch's nn.Sequential of convolutions, blocks and functions; functions only take up an index. */
export class Layers extends Module {
  readonly #layers: readonly (Conv2d | TinyBlock | Step)[];

  constructor(layers: readonly (Conv2d | TinyBlock | Step)[]) {
    super();
    this.#layers = layers;
  }

  override members() {
    const numbered = this.#layers.map((layer, index) => [String(index), layer] as const);
    return Object.fromEntries(
      numbered.filter((entry): entry is [string, Conv2d | TinyBlock] => typeof entry[1] !== 'function'),
    );
  }

  forward(x: Tensor, run: RunBlock = runStored): Tensor {
    return chain(
      x,
      this.#layers.map((layer): Step => {
        if (typeof layer === 'function') return layer;
        return layer instanceof TinyBlock ? (input) => run(layer, input) : (input) => layer.forward(input);
      }),
    );
  }
}
