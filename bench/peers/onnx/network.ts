import type { LuaConfig } from '@lua-webgpu/lua-model';
import { type FileTensor, toFloat32 } from '@lua-webgpu/tensor';
import { transposed } from '../layout.ts';
import { positionBias } from '../problems.ts';
import { Graph } from './graph.ts';

/** One forward of the network for a square latent, as an exporter would write it: from `x` to `y`, both NCHW. */
export function encodeNetwork(
  config: LuaConfig,
  state: ReadonlyMap<string, FileTensor>,
  side: number,
): Uint8Array {
  return new Exporter(config, state, side).encode();
}

/** Names are those of the state dict; what it has in one layout and ONNX in another is turned here. */
class Exporter {
  readonly #config: LuaConfig;
  readonly #state: ReadonlyMap<string, FileTensor>;
  readonly #side: number;
  readonly #graph = new Graph();

  constructor(config: LuaConfig, state: ReadonlyMap<string, FileTensor>, side: number) {
    if (config.mean.length > 0 || config.img_range !== 1 || config.resi_connection !== '1conv') {
      throw new Error('the exporter knows networks like the light preset alone');
    }
    this.#config = config;
    this.#state = state;
    this.#side = side;
  }

  encode(): Uint8Array {
    const { in_chans, depths } = this.#config;
    const head = this.#config.heads.find(({ scale }) => scale === 2);
    if (!head) throw new Error('the network has no head for ×2');
    const graph = this.#graph;
    graph.input('x', [1, in_chans, this.#side, this.#side]);
    const shallow = this.#conv('x', 'conv_first');
    let tokens = this.#norm(graph.transpose(shallow, [0, 2, 3, 1]), 'patch_embed.norm');
    for (const [i, depth] of depths.entries()) {
      const before = tokens;
      for (let j = 0; j < depth; j++) tokens = this.#block(tokens, i, j);
      const image = this.#conv(graph.transpose(tokens, [0, 3, 1, 2]), `layers.${i}.conv`);
      tokens = graph.node('Add', [graph.transpose(image, [0, 2, 3, 1]), before]);
    }
    const deep = graph.transpose(this.#norm(tokens, 'norm'), [0, 3, 1, 2]);
    const features = graph.node('Add', [this.#conv(deep, 'conv_after_body'), shallow]);
    const name = `heads.${head.name}`;
    const wide = this.#conv(features, `${name}.conv_before.0`);
    const active = graph.node('LeakyRelu', [wide], { alpha: { float: 0.01 } });
    const packed = this.#conv(active, `${name}.upsample.0`);
    const large = this.#pixelShuffle(packed);
    this.#conv(large, `${name}.conv_last`, 'y');
    graph.outputWithProbe([1, head.out_chans, 2 * this.#side, 2 * this.#side]);
    return graph.encode();
  }

  /** PyTorch's, by 2. DepthToSpace in mode CRD is the same, but jax-js reads no such node. */
  #pixelShuffle(x: string): string {
    const [graph, side, features] = [this.#graph, this.#side, this.#config.head_num_feat];
    const parts = graph.reshape(x, [1, features, 2, 2, side, side]);
    return graph.reshape(graph.transpose(parts, [0, 1, 4, 2, 5, 3]), [1, features, 2 * side, 2 * side]);
  }

  #values(name: string): FileTensor {
    const tensor = this.#state.get(name);
    if (!tensor) throw new Error(`the state dict has no ${name}`);
    return tensor;
  }

  #constant(name: string): string {
    const tensor = this.#values(name);
    return this.#graph.floats(toFloat32(tensor), tensor.shape);
  }

  #conv(x: string, name: string, result?: string): string {
    return this.#graph.conv(x, this.#constant(`${name}.weight`), this.#constant(`${name}.bias`), result);
  }

  #norm(x: string, name: string): string {
    const operands = [x, this.#constant(`${name}.weight`), this.#constant(`${name}.bias`)];
    return this.#graph.node('LayerNormalization', operands, { axis: -1, epsilon: { float: 1e-5 } });
  }

  #linear(x: string, name: string): string {
    const weight = this.#values(`${name}.weight`);
    const [rows = 0, columns = 0] = weight.shape;
    const turned = this.#graph.floats(transposed(toFloat32(weight), [rows, columns], [1, 0]), [
      columns,
      rows,
    ]);
    return this.#graph.node('Add', [this.#graph.node('MatMul', [x, turned]), this.#constant(`${name}.bias`)]);
  }

  /** x [1, H, W, dim] → the same shape. */
  #block(x: string, group: number, index: number): string {
    const graph = this.#graph;
    const name = `layers.${group}.residual_group.blocks.${index}`;
    const attended = this.#attention(this.#norm(x, `${name}.norm1`), name, group, index % 2 === 1);
    const middle = graph.node('Add', [x, attended]);
    const hidden = this.#linear(this.#norm(middle, `${name}.norm2`), `${name}.mlp.fc1`);
    const active = graph.node('Gelu', [hidden], { approximate: 'none' });
    return graph.node('Add', [middle, this.#linear(active, `${name}.mlp.fc2`)]);
  }

  #attention(x: string, block: string, group: number, shifted: boolean): string {
    const graph = this.#graph;
    const { embed_dim: dim, window_size: window, num_heads } = this.#config;
    const heads = num_heads[group] as number;
    const headDim = dim / heads;
    const across = this.#side / window;
    const [windows, tokens] = [across ** 2, window ** 2];
    const shift = shifted ? window / 2 : 0;

    const rolled = this.#roll(x, shift);
    const cut = graph.transpose(
      graph.reshape(rolled, [across, window, across, window, dim]),
      [0, 2, 1, 3, 4],
    );
    const qkv = this.#linear(graph.reshape(cut, [windows, tokens, dim]), `${block}.attn.qkv`);
    const parts = graph.transpose(graph.reshape(qkv, [windows, tokens, 3, heads, headDim]), [2, 0, 3, 1, 4]);
    const [q, k, v] = [0, 1, 2].map((part) =>
      graph.node('Gather', [parts, graph.integer(part)], { axis: 0 }),
    ) as [string, string, string];
    const scaled = graph.node('Mul', [q, graph.floats(Float32Array.of(headDim ** -0.5), [])]);
    const table = toFloat32(this.#values(`${block}.attn.relative_position_bias_table`));
    const bias = positionBias({ across, window, heads, dim: headDim }, table);
    let scores = graph.node('Add', [
      graph.node('MatMul', [scaled, graph.transpose(k, [0, 1, 3, 2])]),
      graph.floats(bias, [1, heads, tokens, tokens]),
    ]);
    if (shifted) {
      const mask = this.#values(`${block}.attn_mask`);
      if (mask.shape[0] !== windows) throw new Error('the masks of the state dict are for another size');
      const spread = graph.floats(toFloat32(mask), [windows, 1, tokens, tokens]);
      scores = graph.node('Add', [scores, spread]);
    }
    const mixed = graph.node('MatMul', [graph.node('Softmax', [scores], { axis: -1 }), v]);
    const joined = graph.reshape(graph.transpose(mixed, [0, 2, 1, 3]), [windows, tokens, dim]);
    const projected = this.#linear(joined, `${block}.attn.proj`);
    const image = graph.transpose(
      graph.reshape(projected, [across, across, window, window, dim]),
      [0, 2, 1, 3, 4],
    );
    return this.#roll(graph.reshape(image, [1, this.#side, this.#side, dim]), -shift);
  }

  /** torch.roll(x, (−shift, −shift), (1, 2)). */
  #roll(x: string, shift: number): string {
    if (shift === 0) return x;
    const graph = this.#graph;
    const at = shift > 0 ? shift : this.#side + shift;
    return [1, 2].reduce((image, axis) => {
      const part = (from: number, to: number) =>
        graph.node('Slice', [image, ...[from, to, axis].map((each) => graph.integers([each]))]);
      return graph.node('Concat', [part(at, this.#side), part(0, at)], { axis });
    }, x);
  }
}
