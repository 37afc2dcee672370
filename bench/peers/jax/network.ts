import type { LuaConfig } from '@lua-webgpu/lua-model';
import { toFloat32 } from '@lua-webgpu/tensor';
// No public part of the package: these are buffers of its state dict.
import { attentionMask, relativePositionIndex } from '../../../packages/lua-model/src/network/buffers.ts';
import type { Arr, Arrays, Jax } from './api.ts';

/** The network as its users would write it for jax-js, with the parameters of a state dict: what a gradient is taken of. */
export class JaxNetwork {
  readonly #config: LuaConfig;
  readonly #parts: ReturnType<typeof partsOf>;
  /** Rows of zeros and a one, which choose a row of the table for each pair of tokens: jax-js differentiates no gather under `jit`. */
  readonly #positions: Arr;
  /** Of shifted windows, by the side of the image. */
  readonly #masks = new Map<number, Arr>();

  /** @param sides of the images that it will see */
  constructor(jax: Jax, config: LuaConfig, sides: readonly number[]) {
    this.#parts = partsOf(jax, config);
    this.#config = config;
    const { bytes } = relativePositionIndex(config.window_size);
    const index = new BigInt64Array(bytes.buffer as ArrayBuffer);
    const offsets = (2 * config.window_size - 1) ** 2;
    const chosen = new Float32Array(index.length * offsets);
    for (const [pair, offset] of index.entries()) chosen[pair * offsets + Number(offset)] = 1;
    for (const side of sides) {
      const mask = attentionMask(side, side, config.window_size, config.window_size / 2);
      const [windows = 0, tokens = 0] = mask.shape;
      const values = jax.numpy.array(toFloat32(mask));
      this.#masks.set(side, values.reshape([1, windows, 1, tokens, tokens]));
    }
    this.#positions = jax.numpy.array(chosen).reshape([index.length, offsets]);
  }

  /** x [B, C, side, side] → [B, C, scale·side, scale·side] by the head of that scale. */
  forward(parameters: Arrays, x: Arr, scale: number): Arr {
    const within = (prefix: string): Arrays =>
      Object.fromEntries(
        Object.entries(parameters).flatMap(([name, each]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), each.ref]] : [],
        ),
      );
    const head = this.#config.heads.find((each) => each.scale === scale);
    if (!head) throw new Error(`the network has no head for ×${scale}`);
    const mask = this.#masks.get(x.shape[2] as number) as Arr;
    const [shallow, embedded] = this.#parts.stem(within('conv_first.'), within('patch_embed.norm.'), x);
    let tokens = embedded;
    for (const [i, depth] of this.#config.depths.entries()) {
      const before = tokens.ref;
      for (let j = 0; j < depth; j++) {
        const block = within(`layers.${i}.residual_group.blocks.${j}.`);
        tokens = this.#parts.block(block, tokens, this.#positions.ref, j % 2 === 0 ? undefined : mask.ref);
      }
      tokens = this.#parts.join(within(`layers.${i}.conv.`), tokens, before);
    }
    const features = this.#parts.end(within('norm.'), within('conv_after_body.'), tokens, shallow);
    return this.#parts.head(within(`heads.${head.name}.`), features);
  }

  dispose(): void {
    for (const each of [this.#positions, ...this.#masks.values()]) each.dispose();
  }
}

/** Each a function of its own parameters, which it takes over. */
function partsOf(jax: Jax, { embed_dim: dim, window_size: window, num_heads }: LuaConfig) {
  const { numpy, nn, lax } = jax;
  const heads = num_heads[0] as number;
  const [headDim, tokens, shift] = [dim / heads, window ** 2, window / 2];
  const toFirst = (x: Arr) => x.transpose([0, 3, 1, 2]);
  const toLast = (x: Arr) => x.transpose([0, 2, 3, 1]);

  const conv = (p: Arrays, x: Arr, name = '') => {
    const bias = p[`${name}bias`] as Arr;
    const shape = [1, bias.shape[0] as number, 1, 1];
    return lax.conv(x, p[`${name}weight`] as Arr, [1, 1], 'SAME').add(bias.reshape(shape));
  };
  const norm = (p: Arrays, x: Arr, name = '') =>
    nn
      .standardize(x, -1, { epsilon: 1e-5 })
      .mul(p[`${name}weight`] as Arr)
      .add(p[`${name}bias`] as Arr);
  const linear = (p: Arrays, x: Arr, name: string) =>
    numpy.matmul(x, (p[`${name}weight`] as Arr).transpose()).add(p[`${name}bias`] as Arr);

  const attention = (p: Arrays, x: Arr, positions: Arr, mask?: Arr) => {
    const [batch = 0, side = 0] = x.shape;
    const across = side / window;
    const windows = across ** 2;
    const rolled = mask ? numpy.roll(x, [-shift, -shift], [1, 2]) : x;
    const cut = rolled
      .reshape([batch, across, window, across, window, dim])
      .transpose([0, 1, 3, 2, 4, 5])
      .reshape([batch * windows, tokens, dim]);
    const qkv = linear(p, cut, 'attn.qkv.')
      .reshape([batch * windows, tokens, 3, heads, headDim])
      .transpose([2, 0, 3, 1, 4]);
    const [q, k, v] = numpy
      .split(qkv, 3, 0)
      .map((each) => each.reshape([batch * windows, heads, tokens, headDim])) as [Arr, Arr, Arr];
    const bias = numpy
      .matmul(positions, p['attn.relative_position_bias_table'] as Arr)
      .transpose()
      .reshape([1, heads, tokens, tokens]);
    let scores = numpy.matmul(q.mul(headDim ** -0.5), k.transpose([0, 1, 3, 2])).add(bias);
    if (mask) {
      scores = scores
        .reshape([batch, windows, heads, tokens, tokens])
        .add(mask)
        .reshape([batch * windows, heads, tokens, tokens]);
    }
    const mixed = numpy.matmul(nn.softmax(scores, -1), v);
    const joined = mixed.transpose([0, 2, 1, 3]).reshape([batch * windows, tokens, dim]);
    const image = linear(p, joined, 'attn.proj.')
      .reshape([batch, across, across, window, window, dim])
      .transpose([0, 1, 3, 2, 4, 5])
      .reshape([batch, side, side, dim]);
    return mask ? numpy.roll(image, [shift, shift], [1, 2]) : image;
  };

  /** x [B, H, W, dim] → the same shape; the windows are shifted where there is a mask. */
  const block = (p: Arrays, x: Arr, positions: Arr, mask?: Arr) => {
    const middle = x.ref.add(attention(p, norm(p, x, 'norm1.'), positions, mask));
    const hidden = linear(p, norm(p, middle.ref, 'norm2.'), 'mlp.fc1.');
    return middle.add(linear(p, nn.gelu(hidden, { approximate: false }), 'mlp.fc2.'));
  };

  const shuffled = (packed: Arr) => {
    const [batch = 0, channels = 0, height = 0, width = 0] = packed.shape;
    return packed
      .reshape([batch, channels / 4, 2, 2, height, width])
      .transpose([0, 1, 4, 2, 5, 3])
      .reshape([batch, channels / 4, 2 * height, 2 * width]);
  };

  return {
    stem: (first: Arrays, embed: Arrays, x: Arr) => {
      const shallow = conv(first, x);
      return [shallow.ref, norm(embed, toLast(shallow))] as const;
    },
    block,
    join: (p: Arrays, x: Arr, before: Arr) => toLast(conv(p, toFirst(x))).add(before),
    end: (last: Arrays, body: Arrays, x: Arr, shallow: Arr) =>
      conv(body, toFirst(norm(last, x))).add(shallow),
    head: (p: Arrays, features: Arr) => {
      let image = nn.leakyRelu(conv(p, features, 'conv_before.0.'), 0.01);
      for (let step = 0; `upsample.${step}.weight` in p; step += 2)
        image = shuffled(conv(p, image, `upsample.${step}.`));
      return conv(p, image, 'conv_last.');
    },
  };
}
