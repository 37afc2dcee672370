import { configToJson, parameterCount, weightsConfig } from '@lua-webgpu/lua-model';
import { type FloatFileDtype, readTensorFile } from '@lua-webgpu/tensor';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { checkOutput } from '../latent-file.ts';
import { packageVersion } from '../version.ts';
import { writeWeights } from '../weights-file.ts';

const spec = {
  name: 'export',
  summary: 'write a model’s weights to hand on: safetensors, half precision',
  positionals: ['WEIGHTS'],
  options: {
    out: { type: 'string', placeholder: 'FILE.safetensors', about: 'where they go', required: true },
    dtype: { type: 'string', choices: ['F16', 'BF16', 'F32'], about: 'F16 by default' },
    ...commonOptions,
  },
  details:
    'WEIGHTS is a .safetensors or .pth file, for instance ema.safetensors of a checkpoint. The architecture goes into the metadata; buffers that follow from it (attention masks, indices of the bias tables) are left out, and every loader here computes them. No GPU is used.',
} satisfies CommandSpec;

async function run(parsed: Parsed, { output }: CommandContext): Promise<number> {
  const [path = ''] = parsed.positionals;
  const out = parsed.required('out');
  const dtype = (parsed.text('dtype') ?? 'F16') as FloatFileDtype;
  await checkOutput(out, [path]);
  const file = await readTensorFile(path);
  const config = await weightsConfig(path, file);
  const weights = new Map([...file.tensors].filter(([name]) => !isBuffer(name)));
  const metadata = new Map([
    ...file.metadata,
    ['config', JSON.stringify(configToJson(config))],
    ['version', `lua-webgpu ${packageVersion()}`],
  ]);
  const bytes = await writeWeights(out, weights, dtype, metadata);
  const parameters = parameterCount(config);
  output.result({ path, out, dtype, parameters, bytes });
  output.print(`${out}: ${parameters.toLocaleString('en-US')} parameters as ${dtype}, ${bytes} bytes`);
  return 0;
}

function isBuffer(name: string): boolean {
  return /(^|\.)(relative_position_index|attn_mask)$/.test(name);
}

export const exportCommand: Command = { spec, run };
