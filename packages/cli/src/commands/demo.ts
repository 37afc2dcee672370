import { mkdir } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { labelledStrip, loadPretrained, type RgbImage, stackImages, writeImage } from '@lua-webgpu/lua-model';
import { psnr } from '@lua-webgpu/train';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { decibels } from '../comparison.ts';
import { examplesFolder, readExamples, readGolden } from '../demo/data.ts';
import {
  type DemoSetting,
  decodeReference,
  panel,
  readPhotograph,
  type Upscaled,
  upscaleExample,
} from '../demo/example.ts';
import { mebibytes, withDevice } from '../device.ts';
import { shared } from '../options.ts';
import { sizeText } from '../photos.ts';
import { HostVae } from '../vae.ts';

const spec = {
  name: 'demo',
  summary: 'upscale latents of two photographs ×2 and ×4, and compare',
  positionals: [],
  options: {
    out: { type: 'string', placeholder: 'DIR', about: 'where the pictures go; lua-webgpu-demo by default' },
    vae: {
      ...shared.vae,
      about:
        'a FLUX.1 VAE in place of the small decoder that comes with the package: TAEF1 or an AutoencoderKL',
    },
    adapter: shared.adapter,
    ...commonOptions,
  },
  details:
    'Takes latents of two photographs made smaller to a half and to a quarter, upscales them with the weights flux-small, decodes them, and writes each picture and a strip beside the interpolated latent and the photograph, with the PSNR of each. The upscaled latents are compared with what PyTorch computes; ends with 1 when they differ.',
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output, signal } = context;
  const begin = performance.now();
  const out = parsed.text('out') ?? 'lua-webgpu-demo';
  const path = parsed.text('vae') ?? 'flux-tiny-decoder';
  const folder = examplesFolder();
  const [examples, golden] = await Promise.all([readExamples(folder), readGolden(folder)]);
  await mkdir(out, { recursive: true });
  const strip = join(out, 'comparison.jpg');
  const report = await withDevice(parsed.text('adapter'), context, async (device) => {
    using model = await loadPretrained(device, golden.model);
    using vae = await HostVae.open(device, { path, profile: 'flux' }, ['decoder'], context);
    const setting = { device, model, vae, folder, golden, context };
    const shown = [];
    for (const example of examples) {
      signal.throwIfAborted();
      shown.push({ example, ...(await show(setting, example.name, out)) });
    }
    await writeImage(strip, stackImages(shown.map(({ row }) => row)));
    return {
      adapter: device.adapter,
      weights: golden.model,
      vae: vae.describe(),
      examples: shown.map(({ example, ceiling, results }) => ({ ...example, ceiling, results })),
      out,
      strip,
      peakBytes: device.memory().peak,
      seconds: (performance.now() - begin) / 1000,
    };
  });
  const passed = report.examples.every(({ results }) => results.every((result) => result.passed));
  output.result({ ...report, passed });
  const { adapter, seconds, peakBytes } = report;
  output.print();
  output.print(`adapter: ${adapter.name} (${adapter.kind})`);
  output.print(
    `${seconds.toFixed(1)} s, with the compilation of the shaders; peak GPU memory: ${mebibytes(peakBytes)}`,
  );
  output.print(`pictures: ${out}, beside each other in ${strip}`);
  output.print(
    `photographs: ${examples.map(({ title, author, licence }) => `“${title}” by ${author} (${licence})`).join(', ')}`,
  );
  output.print();
  for (const line of passed ? next(invocation()) : wrong) output.print(line);
  return passed ? 0 : 1;
}

/** Upscales one photograph's latents, says how they compare, and writes the pictures. */
async function show(setting: DemoSetting, name: string, out: string) {
  const { output } = setting.context;
  const photograph = await readPhotograph(setting.folder, name);
  const ceiling = psnr(await decodeReference(setting, name), photograph);
  const upscaled: Upscaled[] = [];
  for (const scale of [2, 4]) {
    const one = await upscaleExample(setting, name, photograph, scale);
    output.print(describe(name, one, setting.golden.tolerance));
    await writeImage(join(out, `${name}-x${scale}.png`), one.picture);
    upscaled.push(one);
  }
  output.print(`${name}: ${decibels(ceiling)} is what the decoder makes of the photograph's own latent`);
  return { ceiling, results: upscaled.map(({ report }) => report), row: rowOf(upscaled, photograph) };
}

function rowOf(upscaled: readonly Upscaled[], photograph: RgbImage): RgbImage {
  return labelledStrip([...upscaled.flatMap(({ panels }) => panels), panel('PHOTOGRAPH', photograph)]);
}

function describe(
  name: string,
  { picture, report: { scale, psnr: values, ms, error, passed } }: Upscaled,
  tolerance: number,
): string {
  const verdict = passed ? 'agrees with PyTorch' : 'DIFFERS FROM PYTORCH';
  const seconds = ((ms.upscale + ms.decode) / 1000).toFixed(1);
  return [
    `${name} ×${scale}, ${sizeText(picture)}: ${decibels(values.lua)}, interpolated latent ${decibels(values.bicubicLatent)}`,
    `${seconds} s`,
    `${verdict} (error ${error.toExponential(1)} of the maximum, allowed ${tolerance.toExponential(1)})`,
  ].join('; ');
}

const next = (command: string) => [
  'Next:',
  `  ${command} upscale LATENT.safetensors --scale 2 --weights flux-small --out LARGE.safetensors`,
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
