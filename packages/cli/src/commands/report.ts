import { formatDuration, type RunSummary, writeReport } from '@lua-webgpu/train';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';

const spec = {
  name: 'report',
  summary: 'write the report of a training run: curves, pictures, checkpoints',
  positionals: ['RUN'],
  options: {
    out: { type: 'string', placeholder: 'FILE', about: 'the HTML file; report.html in RUN by default' },
    ...commonOptions,
  },
  details:
    'RUN is the folder that was given to train as --out; its trainer may still be at work. The report is one HTML file that loads nothing from elsewhere. No GPU is used.',
} satisfies CommandSpec;

async function run(parsed: Parsed, { output }: CommandContext): Promise<number> {
  const [path = ''] = parsed.positionals;
  const summary = await writeReport(path, parsed.text('out'));
  output.result(summary);
  for (const line of describe(summary)) output.print(line);
  return 0;
}

function describe({
  file,
  name,
  end,
  step,
  steps,
  seconds,
  stages,
  lastPsnr,
  ...rest
}: RunSummary & { file: string }): string[] {
  const { skipped, alarms, best, newest } = rest;
  const planned = steps === null ? '' : ` of ${steps}`;
  const psnr = Object.entries(lastPsnr).map(([scale, values]) => {
    const each = Object.entries(values).map(([maker, value]) => `${maker} ${value.toFixed(2)}`);
    return `PSNR ${scale}: ${each.join(', ')} dB`;
  });
  return [
    `${name ?? 'training run'}: step ${step}${planned}, ${formatDuration(seconds)}, ${end ?? 'no end recorded'}`,
    ...stages.map((stage) => {
      const terms = Object.entries(stage.terms).map(([term, value]) => `${term} ${value.toPrecision(4)}`);
      return `stage ${stage.name}, steps ${stage.first} to ${stage.last}: loss ${stage.loss.toPrecision(4)} (${terms.join(', ')})`;
    }),
    ...psnr,
    ...(skipped + alarms > 0 ? [`${skipped} skipped steps, ${alarms} alarms`] : []),
    ...(newest === null ? [] : [`newest checkpoint ${newest}${best === null ? '' : `, best ${best}`}`]),
    `report: ${file}`,
  ];
}

export const report: Command = { spec, run };
