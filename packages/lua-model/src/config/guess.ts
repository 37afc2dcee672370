import { FileError } from '@lua-webgpu/kernels';
import { parseConfig } from './parse.ts';
import { commonPrefix, otherKind } from './recognise.ts';
import { blockName, expectedBuffers, expectedTensors } from './tensors.ts';
import type { LuaConfig, Upsampler } from './types.ts';

/** Tensors by state-dict name, as far as guessing needs them. */
export type TensorShapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;

const DEFAULT_SIDE = 64;

/**
 * The configuration of the network that a state dict belongs to, from names and shapes alone. Every tensor must then
 * have its place: the result's {@link expectedTensors} are all there, and nothing else but buffers.
 *
 * Shapes do not tell three things. `img_size` comes from `attn_mask` (as square as its number of windows allows); without
 * masks it is 64, or the next multiple of the window above: large enough that windows shift. `img_range` is 1, but 255 for
 * a denoising SwinIR with windows of 7, as the published JPEG models are. The primary head is the largest.
 *
 * @param source what errors call the state dict, usually the file's name
 * @throws FileError `config-unrecognised` when it is no SwinIR or LUA network (with what it seems to be instead), and
 * `config-range` when it is one beyond what runs here.
 */
export function guessConfig(tensors: TensorShapes, source: string): LuaConfig {
  const guess = new Guess(tensors, source);
  const config = parseConfig(guess.json(), source);
  guess.verify(config);
  return config;
}

class Guess {
  readonly tensors: TensorShapes;
  readonly source: string;

  constructor(tensors: TensorShapes, source: string) {
    this.tensors = tensors;
    this.source = source;
  }

  json(): Record<string, unknown> {
    const [embed_dim, in_chans] = this.weight('conv_first.weight', 4);
    const tables = this.tables();
    const [offsets] = tables[0] ?? [];
    const window = (Math.sqrt(offsets ?? 0) + 1) / 2;
    const [hidden] = this.weight(`${blockName(0, 0)}.mlp.fc1.weight`, 2);
    const trunk = {
      in_chans,
      img_size: this.imageSize(window),
      window_size: window,
      depths: tables.map((_, i) => this.count((j) => `${blockName(i, j)}.norm1.weight`)),
      embed_dim,
      num_heads: tables.map(([, heads]) => heads),
      mlp_ratio: ratio(hidden, embed_dim),
      resi_connection: this.tensors.has('conv_after_body.0.weight') ? '3conv' : '1conv',
    };
    const names = new Set<string>();
    for (const name of this.tensors.keys()) {
      const head = /^heads\.([^.]+)\./.exec(name)?.[1];
      if (head !== undefined) names.add(head);
    }
    return names.size > 0 ? this.luaHeads(trunk, [...names]) : this.swinirHead(trunk, window, in_chans);
  }

  /** Checks that each tensor has its place in the network of `config`, and each place a tensor. */
  verify(config: LuaConfig): void {
    const expected = expectedTensors(config);
    const buffers = expectedBuffers(config);
    const wrong: string[] = [];
    for (const name of expected.keys()) if (!this.tensors.has(name)) wrong.push(`${name} is missing`);
    for (const [name, { shape }] of this.tensors) {
      const place = expected.get(name) ?? buffers.get(name);
      if (place === undefined) wrong.push(`${name.slice(0, 100)} has no place`);
      else if (shape.join() !== place.join()) wrong.push(`${name} is [${shape}], not [${place}]`);
    }
    if (wrong.length > 0) this.refuse(wrong);
  }

  private refuse(reasons: readonly string[]): never {
    const names = [...this.tensors.keys()];
    const prefix = commonPrefix(names);
    const kind = prefix === undefined ? otherKind(names) : undefined;
    const listed =
      reasons.slice(0, 4).join(', ') + (reasons.length > 4 ? `, and ${reasons.length - 4} more` : '');
    throw new FileError(
      'config-unrecognised',
      `${this.source}: not the weights of a SwinIR or LUA network: ${listed}${kind === undefined ? '' : `; this looks like ${kind}`}`,
      prefix === undefined
        ? 'Give the weights of a LUA or SwinIR model, or a configuration file that says what this is.'
        : `All names begin with ${JSON.stringify(prefix.slice(0, 60))}: save the tensors without this prefix.`,
    );
  }

  /** The first two sides of a weight that must be there with that rank. */
  private weight(name: string, rank: number): [number, number] {
    const shape = this.tensors.get(name)?.shape;
    if (shape === undefined) this.refuse([`${name} is missing`]);
    const [first, second] = shape;
    if (first === undefined || second === undefined || shape.length !== rank || shape.includes(0)) {
      this.refuse([`${name} is [${shape}]`]);
    }
    return [first, second];
  }

  /** How many of the names for 0, 1, 2, … there are without a gap. */
  private count(name: (index: number) => string): number {
    let n = 0;
    while (this.tensors.has(name(n))) n++;
    return n;
  }

  /** Shapes of the relative position bias tables of the residual groups' first blocks. */
  private tables(): [offsets: number, heads: number][] {
    const name = (i: number) => `${blockName(i, 0)}.attn.relative_position_bias_table`;
    const tables = Array.from({ length: this.count(name) }, (_, i) => this.weight(name(i), 2));
    const first = tables[0]?.[0];
    if (first === undefined) this.refuse([`${name(0)} is missing`]);
    if (!Number.isInteger((Math.sqrt(first) + 1) / 2)) {
      this.refuse([`${name(0)} has ${first} rows, which is (2w − 1)² for no window w`]);
    }
    return tables;
  }

  private imageSize(window: number): [number, number] {
    const name = [...this.tensors.keys()].find((key) => key.endsWith('.attn_mask'));
    if (name === undefined) {
      const side = window * Math.max(2, Math.ceil(DEFAULT_SIDE / window));
      return [side, side];
    }
    const shape = this.tensors.get(name)?.shape ?? [];
    const [windows = 0, tokens] = shape;
    let down = Math.floor(Math.sqrt(windows));
    while (down > 1 && windows % down !== 0) down--;
    if (down < 2 || tokens !== window * window) {
      this.refuse([
        `${name} is [${shape}], no mask of an image of several ${window}×${window} windows both ways`,
      ]);
    }
    return [down * window, (windows / down) * window];
  }

  private luaHeads(trunk: object, names: readonly string[]): Record<string, unknown> {
    const heads = names.map((name) => ({
      name,
      scale: this.shuffleScale(`heads.${name}.upsample`),
      out_chans: this.weight(`heads.${name}.conv_last.weight`, 4)[0],
    }));
    heads.sort((a, b) => a.scale - b.scale || (a.name < b.name ? -1 : 1));
    const [head_num_feat] = this.weight(`heads.${names[0]}.conv_before.0.weight`, 4);
    return { ...trunk, head_num_feat, heads };
  }

  private swinirHead(trunk: object, window: number, channels: number): Record<string, unknown> {
    const has = (name: string) => this.tensors.has(`${name}.weight`);
    const head = (upsampler: Upsampler, upscale: number) => ({ upsampler, upscale });
    if (has('conv_before_upsample.0')) {
      const [num_feat] = this.weight('conv_before_upsample.0.weight', 4);
      const nearest = has('conv_up1');
      return {
        ...trunk,
        num_feat,
        ...(nearest
          ? head('nearest+conv', has('conv_up2') ? 4 : 2)
          : head('pixelshuffle', this.shuffleScale('upsample'))),
      };
    }
    if (has('upsample.0')) {
      const [wide] = this.weight('upsample.0.weight', 4);
      const scale = Math.sqrt(wide / channels);
      if (!Number.isInteger(scale)) {
        this.refuse([
          `upsample.0.weight gives ${wide} channels, no square multiple of the ${channels} of the input`,
        ]);
      }
      return { ...trunk, ...head('pixelshuffledirect', scale) };
    }
    if (has('conv_last')) {
      return { ...trunk, ...head('', 1), img_range: window === 7 ? 255 : 1 };
    }
    return this.refuse(['there is no head: neither heads.…, upsample.0 nor conv_last']);
  }

  /** Scale of a chain of convolutions `<name>.0`, `.2`, …, each widening by 4 (×2) or 9 (×3) before a pixel shuffle. */
  private shuffleScale(name: string): number {
    const steps = this.count((i) => `${name}.${2 * i}.weight`);
    let scale = 1;
    for (let i = 0; i < steps; i++) {
      const weight = `${name}.${2 * i}.weight`;
      const [wide, narrow] = this.weight(weight, 4);
      const factor = Math.sqrt(wide / narrow);
      if (factor !== 2 && factor !== 3)
        this.refuse([`${weight} widens ${narrow} channels to ${wide}, not by 4 or 9`]);
      scale *= factor;
    }
    return scale;
  }
}

/** hidden / dim, or a number near it where that one, cut off after multiplying back, would miss `hidden`. */
function ratio(hidden: number, dim: number): number {
  const exact = hidden / dim;
  return Math.trunc(dim * exact) === hidden ? exact : (hidden + 0.5) / dim;
}
