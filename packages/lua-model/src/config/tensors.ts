import { type HeadConfig, type LuaConfig, mlpHidden, shuffleFactors, windowing } from './types.ts';

type Shapes = Map<string, number[]>;

/**
 * Names and PyTorch shapes of all parameters (Linear [out, in], Conv [out, in, kh, kw]), in the order of PyTorch's
 * `named_parameters()`. SPEC 'State-dict names'.
 */
export function expectedTensors(config: LuaConfig): Shapes {
  const { embed_dim: dim, depths, in_chans } = config;
  const shapes: Shapes = new Map();
  conv(shapes, 'conv_first', in_chans, dim);
  norm(shapes, 'patch_embed.norm', dim);
  for (const [i, depth] of depths.entries()) {
    for (let j = 0; j < depth; j++) block(shapes, config, i, j);
    residualConv(shapes, `layers.${i}.conv`, config);
  }
  norm(shapes, 'norm', dim);
  residualConv(shapes, 'conv_after_body', config);
  for (const head of config.heads) {
    if (config.names === 'lua') luaHead(shapes, config, head);
    else swinirHead(shapes, config, head);
  }
  return shapes;
}

/**
 * Names and shapes of the buffers that PyTorch stores beside the parameters: `relative_position_index` (int64) of every
 * block and `attn_mask` (float) of the shifted ones. They follow from the configuration, and files may lack them.
 */
export function expectedBuffers(config: LuaConfig): Shapes {
  const { window, shift } = windowing(config);
  const tokens = window * window;
  const windows = config.img_size.reduce((product, side) => product * Math.floor(side / window), 1);
  const shapes: Shapes = new Map();
  for (const [i, depth] of config.depths.entries()) {
    for (let j = 0; j < depth; j++) {
      const name = blockName(i, j);
      if (shift > 0 && j % 2 === 1) shapes.set(`${name}.attn_mask`, [windows, tokens, tokens]);
      shapes.set(`${name}.attn.relative_position_index`, [tokens, tokens]);
    }
  }
  return shapes;
}

/** How many numbers the network learns. */
export function parameterCount(config: LuaConfig): number {
  let count = 0;
  for (const shape of expectedTensors(config).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/** State-dict name of block `j` of residual group `i`. */
export function blockName(i: number, j: number): string {
  return `layers.${i}.residual_group.blocks.${j}`;
}

function conv(shapes: Shapes, name: string, from: number, to: number, kernel = 3): void {
  shapes.set(`${name}.weight`, [to, from, kernel, kernel]).set(`${name}.bias`, [to]);
}

function linear(shapes: Shapes, name: string, from: number, to: number): void {
  shapes.set(`${name}.weight`, [to, from]).set(`${name}.bias`, [to]);
}

function norm(shapes: Shapes, name: string, dim: number): void {
  shapes.set(`${name}.weight`, [dim]).set(`${name}.bias`, [dim]);
}

function block(shapes: Shapes, config: LuaConfig, i: number, j: number): void {
  const name = blockName(i, j);
  const dim = config.embed_dim;
  const offsets = (2 * windowing(config).window - 1) ** 2;
  norm(shapes, `${name}.norm1`, dim);
  shapes.set(`${name}.attn.relative_position_bias_table`, [offsets, config.num_heads[i] ?? 0]);
  linear(shapes, `${name}.attn.qkv`, dim, 3 * dim);
  linear(shapes, `${name}.attn.proj`, dim, dim);
  norm(shapes, `${name}.norm2`, dim);
  linear(shapes, `${name}.mlp.fc1`, dim, mlpHidden(config));
  linear(shapes, `${name}.mlp.fc2`, mlpHidden(config), dim);
}

function residualConv(shapes: Shapes, name: string, { embed_dim: dim, resi_connection }: LuaConfig): void {
  if (resi_connection === '1conv') {
    conv(shapes, name, dim, dim);
    return;
  }
  const narrow = Math.floor(dim / 4);
  conv(shapes, `${name}.0`, dim, narrow);
  conv(shapes, `${name}.2`, narrow, narrow, 1);
  conv(shapes, `${name}.4`, narrow, dim);
}

function shuffles(shapes: Shapes, name: string, features: number, scale: number): void {
  for (const [step, factor] of shuffleFactors(scale).entries()) {
    conv(shapes, `${name}.${2 * step}`, features, features * factor ** 2);
  }
}

function luaHead(shapes: Shapes, config: LuaConfig, { name, scale, out_chans }: HeadConfig): void {
  const features = config.head_num_feat;
  conv(shapes, `heads.${name}.conv_before.0`, config.embed_dim, features);
  shuffles(shapes, `heads.${name}.upsample`, features, scale);
  conv(shapes, `heads.${name}.conv_last`, features, out_chans);
}

function swinirHead(shapes: Shapes, config: LuaConfig, { upsampler, scale, out_chans }: HeadConfig): void {
  const { embed_dim: dim, head_num_feat: features } = config;
  if (upsampler === 'pixelshuffledirect') {
    conv(shapes, 'upsample.0', dim, out_chans * scale ** 2);
    return;
  }
  if (upsampler === '') {
    conv(shapes, 'conv_last', dim, out_chans);
    return;
  }
  conv(shapes, 'conv_before_upsample.0', dim, features);
  if (upsampler === 'pixelshuffle') {
    shuffles(shapes, 'upsample', features, scale);
  } else {
    conv(shapes, 'conv_up1', features, features);
    if (scale === 4) conv(shapes, 'conv_up2', features, features);
    conv(shapes, 'conv_hr', features, features);
  }
  conv(shapes, 'conv_last', features, out_chans);
}
