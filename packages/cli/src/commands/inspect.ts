import { FileError } from '@lua-webgpu/kernels';
import {
  configToJson,
  embeddedConfig,
  guessConfig,
  isPackedShape,
  type LuaConfig,
  parameterCount,
  preset,
  presetNames,
  profilesFor,
} from '@lua-webgpu/lua-model';
import { elementCount, type FileTensor, readTensorFile, type WeightFile } from '@lua-webgpu/tensor';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';

const spec = {
  name: 'inspect',
  summary: 'say what a .safetensors or .pth file holds',
  positionals: ['FILE'],
  options: commonOptions,
  details:
    'Prints names, dtypes, shapes and bytes of the tensors, the metadata, and the architecture: from the metadata `config` where there is one, else guessed from names and shapes. No GPU is used.',
} satisfies CommandSpec;

/** What a set of tensors seems to be. */
type Architecture =
  | {
      readonly kind: 'model';
      readonly from: 'metadata' | 'tensors';
      readonly config: Record<string, unknown>;
      readonly parameters: number;
      readonly preset: string | null;
      readonly scales: readonly number[];
    }
  | { readonly kind: 'latent'; readonly profiles: readonly string[] }
  | { readonly kind: 'unknown'; readonly reason: string };

async function run(parsed: Parsed, { output }: CommandContext): Promise<number> {
  const [path = ''] = parsed.positionals;
  const file = await readTensorFile(path);
  const tensors = [...file.tensors].map(([name, { dtype, shape, bytes }]) => ({
    name,
    dtype,
    shape,
    bytes: bytes.byteLength,
  }));
  const metadata = Object.fromEntries(file.metadata);
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const elements = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const architecture = architectureOf(file, path);
  const { format, entry } = file;
  output.result({ path, format, entry: entry ?? null, bytes, elements, metadata, tensors, architecture });
  const where = entry === undefined || entry === 'root' ? format : `${format}, entry ${entry}`;
  output.print(
    `${path}: ${where}, ${count(tensors.length, 'tensor')}, ${grouped(elements)} values, ${grouped(bytes)} bytes`,
  );
  if (file.metadata.size > 0) output.print('metadata');
  for (const [key, value] of file.metadata) output.print(`  ${key}: ${value}`);
  output.print('tensors');
  for (const { name, dtype, shape, bytes } of tensors) {
    output.print(`  ${name}  ${dtype} [${shape.join(', ')}]  ${grouped(bytes)} bytes`);
  }
  output.print('architecture');
  for (const line of describe(architecture)) output.print(`  ${line}`);
  return 0;
}

function architectureOf(file: WeightFile, path: string): Architecture {
  const { tensors } = file;
  const latents = [...tensors].filter(([name, tensor]) => isLatent(name, tensor));
  if (latents.length === tensors.size && latents[0]) {
    const [, { shape }] = latents[0];
    const channels = isPackedShape(shape) ? 16 : (shape[1] ?? 0);
    return { kind: 'latent', profiles: profilesFor(channels).map(({ name }) => name) };
  }
  try {
    const embedded = embeddedConfig(file, path);
    const config = embedded ?? guessConfig(tensors, path);
    return {
      kind: 'model',
      from: embedded === undefined ? 'tensors' : 'metadata',
      config: configToJson(config),
      parameters: parameterCount(config),
      preset: presetOf(config) ?? null,
      scales: config.heads.map(({ scale }) => scale),
    };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return { kind: 'unknown', reason: error.message };
  }
}

/** A latent's name, or a lone 4-D tensor with a VAE's number of channels. */
function isLatent(name: string, { shape }: FileTensor): boolean {
  const plain = shape.length === 4 && profilesFor(shape[1] ?? 0).length > 0;
  return (plain || isPackedShape(shape)) && /(^|[/.])latents?$|^[^.]*$/.test(name);
}

/** The preset with the same network, whatever its training size and the names of its heads. */
function presetOf(config: LuaConfig): string | undefined {
  if (config.names !== 'lua' || (config.in_chans !== 4 && config.in_chans !== 16)) return undefined;
  const options = { in_chans: config.in_chans, scales: config.heads.map(({ scale }) => scale) } as const;
  return presetNames.find((name) => essence(preset(name, options)) === essence(config));
}

function essence({ img_size: _size, heads, ...rest }: LuaConfig): string {
  const outputs = heads.map(({ scale, out_chans, upsampler }) => [scale, out_chans, upsampler]);
  return JSON.stringify([Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)), outputs]);
}

function describe(architecture: Architecture): string[] {
  switch (architecture.kind) {
    case 'unknown':
      return [architecture.reason];
    case 'latent': {
      const { profiles } = architecture;
      return [`a latent${profiles.length > 0 ? `, of the profile ${profiles.join(' or ')}` : ''}`];
    }
    case 'model': {
      const { from, config, parameters, scales } = architecture;
      const equal = architecture.preset === null ? 'no preset' : `the preset ${architecture.preset}`;
      return [
        `${scales.map((scale) => `×${scale}`).join(' and ')}, ${grouped(parameters)} parameters, ${equal}`,
        from === 'metadata'
          ? 'configuration in the metadata:'
          : 'configuration guessed from names and shapes:',
        ...Object.entries(config).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
      ];
    }
  }
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

export const inspect: Command = { spec, run };
