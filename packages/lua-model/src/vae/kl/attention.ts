import {
  add,
  affine,
  checkpointAll,
  concat,
  Group,
  GroupNorm,
  Linear,
  Module,
  matmul,
  permute,
  plainChannels,
  scoped,
  slice,
  softmax,
  type Tensor,
} from '@lua-webgpu/tensor';
import { eps } from './resnet-block.ts';

/** Scores that are made at a time: 16 MiB, and as much again for their softmax. */
export const scoresAtOnce = 2 ** 22;

/** Self-attention of one head over all pixels of an image, and x added: the middle of encoder and decoder. */
export class AttentionBlock extends Module {
  readonly #norm: GroupNorm;
  readonly #query: Linear;
  readonly #key: Linear;
  readonly #value: Linear;
  readonly #out: Linear;
  readonly #scale: number;

  constructor(channels: number, groups: number) {
    super();
    const linear = () => new Linear(plainChannels(channels), plainChannels(channels));
    this.#norm = new GroupNorm(channels, { groups, eps });
    [this.#query, this.#key, this.#value, this.#out] = [linear(), linear(), linear(), linear()];
    this.#scale = channels ** -0.5;
  }

  override members() {
    return {
      group_norm: this.#norm,
      to_q: this.#query,
      to_k: this.#key,
      to_v: this.#value,
      to_out: new Group({ 0: this.#out }),
    };
  }

  /** x [B, H, W, C] → the same shape. */
  forward(x: Tensor): Tensor {
    const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
    return scoped(x, (input) => {
      const tokens = this.#norm.forward(input).reshape([batch, height * width, channels]);
      const query = affine(this.#query.forward(tokens), { scale: this.#scale, offset: 0 });
      const attended = attend(query, this.#key.forward(tokens), this.#value.forward(tokens));
      return add(this.#out.forward(attended).reshape(x.shape), input);
    });
  }
}

/** softmax(q · kᵀ) · v of [B, N, C] each, image by image and in bands of rows: N² scores need not fit anywhere. */
function attend(query: Tensor, key: Tensor, value: Tensor): Tensor {
  const [batch = 0, count = 0, channels = 0] = query.shape;
  const rows = Math.max(1, Math.floor(scoresAtOnce / count));
  const bands: Tensor[] = [];
  for (let image = 0; image < batch; image++) {
    const part = (x: Tensor, first: number, size: number) =>
      slice(x, [image, first, 0], [1, size, channels]).reshape([size, channels]);
    const [keys, values] = [permute(part(key, 0, count), [1, 0]), part(value, 0, count)];
    for (let first = 0; first < count; first += rows) {
      const band = part(query, first, Math.min(rows, count - first));
      bands.push(checkpointAll([band, keys, values], attendRows));
    }
  }
  return concat(bands, 0).reshape(query.shape);
}

/** softmax(q · k) · v of q [rows, C], k [C, N], v [N, C]. */
function attendRows([query, key, value]: readonly Tensor[]): Tensor {
  return scoped(query as Tensor, (q) => {
    const scores = matmul(q, key as Tensor);
    const weights = softmax(scores);
    scores.dispose();
    return matmul(weights, value as Tensor);
  });
}
