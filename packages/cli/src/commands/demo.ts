import { basename, join, relative } from 'node:path';
import { createLua, preset } from '@lua-webgpu/lua-model';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { examplesFolder, goldenError, readGolden } from '../demo-data.ts';
import { mebibytes, Stopwatch, withDevice } from '../device.ts';
import { readLatent } from '../latent-file.ts';
import { shared } from '../options.ts';
import { upscaleOnDevice } from '../upscaling.ts';

const spec = {
  name: 'demo',
  summary: 'upscale example latents and check the result',
  positionals: [],
  options: { adapter: shared.adapter, ...commonOptions },
  details:
    'Upscales latents of two photographs with an untrained model whose weights come from a seed, and compares the result with what PyTorch computes. It shows that this machine computes correctly and how fast it is; the output of an untrained model is no picture. Ends with 1 when the results differ.',
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output } = context;
  const folder = examplesFolder();
  const golden = await readGolden(folder);
  const { preset: name, scale, seed } = golden.model;
  const label = `untrained model (preset ${name}, 16 channels, ×${scale}, seed ${seed})`;
  output.print(`${label}: it shows that the computation is right, not what a trained one makes of a latent.`);
  const report = await withDevice(parsed.text('adapter'), context, async (device) => {
    using model = createLua(device, preset(name, { in_chans: 16, scales: [scale] }), { seed });
    await device.synchronize();
    const results: object[] = [];
    let passed = true;
    for (const [example, expected] of Object.entries(golden.results)) {
      const watch = new Stopwatch();
      const latent = await readLatent(join(folder, `${example}.safetensors`));
      const result = await upscaleOnDevice(device, model, latent, { scale, label: example }, context, watch);
      const error = goldenError(expected, result);
      const right = error <= golden.tolerance;
      passed &&= right;
      const { upscale = 0, read = 0 } = watch.report();
      results.push({
        example,
        input: latent.shape,
        shape: result.shape,
        ms: { upscale, read },
        error,
        passed: right,
      });
      const shapes = `[${latent.shape.join(', ')}] → [${result.shape.join(', ')}]`;
      const verdict = right ? 'agrees with PyTorch' : 'DIFFERS FROM PYTORCH';
      output.print(
        `${example}: ${shapes} in ${upscale.toFixed(0)} ms, ${verdict} (error ${error.toExponential(1)} of the maximum, allowed ${golden.tolerance.toExponential(1)})`,
      );
    }
    return { adapter: device.adapter, model: label, results, peakBytes: device.memory().peak, passed };
  });
  output.result(report);
  output.print('(The first time includes compiling the shaders.)');
  output.print(`adapter: ${report.adapter.name} (${report.adapter.kind})`);
  output.print(`peak GPU memory: ${mebibytes(report.peakBytes)}`);
  output.print();
  for (const line of report.passed ? next(invocation()) : wrong) output.print(line);
  return report.passed ? 0 : 1;
}

const next = (command: string) => [
  'Next:',
  `  ${command} upscale LATENT.safetensors --scale 2 --weights MODEL.safetensors --out LARGE.safetensors`,
  `  ${command} upscale --help     what goes in and what comes out`,
  `  ${command} doctor             adapters, limits and a test of single kernels`,
];

/** What to write on a command line for this program: its name where it is installed, else as it was started. */
function invocation(): string {
  const script = process.argv[1] ?? '';
  return basename(script) === 'main.js' ? `node ${relative(process.cwd(), script)}` : 'lua-webgpu';
}

const wrong = [
  'The results are wrong on this adapter. lua-webgpu doctor tests single kernels; --adapter chooses another adapter.',
];

export const demo: Command = { spec, run };
