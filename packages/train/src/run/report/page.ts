import { formatBytes, formatDuration, shortNumber } from '../progress.ts';
import { losses, optimisation, speed, validation } from './curves.ts';
import type { RunData } from './data.ts';
import { checkpointTable, type Picture, sampleStrips, troubles } from './lists.ts';
import { html, Markup } from './markup.ts';
import { style } from './style.ts';
import { scaleName, summarise } from './summary.ts';

/** The report as one HTML file that needs nothing beside it. @param pictures the samples to show */
export function page(data: RunData, pictures: readonly Picture[]): string {
  const name = data.start?.name ?? 'Training run';
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name}</title><style>${new Markup(style)}</style></head><body><main>
${header(data, name)}${tiles(data)}${validation(data)}${sampleStrips(pictures, data.samples.length)}${losses(data)}${optimisation(data)}${speed(data)}${troubles(data)}${checkpointTable(data)}${configuration(data)}
</main></body></html>
`.text;
}

function header({ start, end, seconds, sessions }: RunData, name: string): Markup {
  const state = end
    ? html`<span class="state ${end.reason === 'done' ? 'done' : 'stopped'}">${end.reason}</span>`
    : html`<span class="state open">no end recorded</span>`;
  const began = sessions[0]
    ? new Date(1000 * sessions[0].from).toISOString().slice(0, 16).replace('T', ' ')
    : '';
  const resumes = sessions.filter(({ kind }) => kind === 'resume').length;
  const words = [
    start?.adapter.name ?? '',
    began === '' ? '' : `began ${began} UTC`,
    formatDuration(seconds),
    resumes > 0 ? `${resumes} resume${resumes > 1 ? 's' : ''}` : '',
  ];
  const message = end?.message === undefined ? '' : html`<p class="warn">${end.message}</p>`;
  return html`<h1>${name}${state}</h1><p class="soft">${words.filter((word) => word !== '').join(' · ')}</p>${message}`;
}

function tiles(data: RunData): Markup {
  const { stages, lastPsnr } = summarise(data);
  const planned = data.plannedSteps;
  const rate = stages.at(-1)?.samplesPerSecond ?? Number.NaN;
  const peak = Math.max(0, ...data.stages.map(({ peakBytes }) => peakBytes));
  const all: [label: string, value: string, note: string][] = [
    ['steps', grouped(data.lastStep), planned === undefined ? '' : `of ${grouped(planned)}`],
    ...Object.entries(lastPsnr).map(
      ([scale, { lua = Number.NaN, bicubic_latent, decode_bicubic }]): [string, string, string] => [
        `PSNR ${scaleName(scale)}`,
        `${lua.toFixed(2)} dB`,
        [gain(lua, bicubic_latent, 'bicubic latent'), gain(lua, decode_bicubic, 'decode + bicubic')]
          .filter(Boolean)
          .join(', '),
      ],
    ),
    [
      'samples per second',
      Number.isNaN(rate) ? '–' : shortNumber(rate),
      stages.at(-1) ? `in stage ${stages.at(-1)?.name}` : '',
    ],
    [
      'peak GPU memory',
      peak > 0 ? formatBytes(peak) : '–',
      data.start ? `${grouped(data.start.parameters)} parameters` : '',
    ],
    [
      'skipped steps',
      grouped(data.skipped.length),
      data.alarms.length > 0 ? `${data.alarms.length} alarms` : '',
    ],
  ];
  return html`<ul class="tiles">${all.map(([label, value, note]) => html`<li><span>${label}</span><b>${value}</b>${note ? html`<small>${note}</small>` : ''}</li>`)}</ul>`;
}

function gain(lua: number, other: number | undefined, than: string): string {
  if (other === undefined || Number.isNaN(lua - other)) return '';
  const difference = lua - other;
  return `${difference >= 0 ? '+' : '−'}${Math.abs(difference).toFixed(2)} vs ${than}`;
}

function configuration({ path, config, start, sessions, damagedLines }: RunData): Markup {
  const facts: [string, string][] = [['folder', path]];
  if (start) {
    const { adapter, version, node, platform, parameters } = start;
    facts.push(
      [
        'adapter',
        `${adapter.name} (${[adapter.vendor, adapter.architecture, adapter.kind, adapter.origin].filter(Boolean).join(', ')})`,
      ],
      ['version', version],
      ['Node', `${node}, ${platform}`],
      ['parameters', grouped(parameters)],
    );
  }
  for (const { kind, from, to, step, differences } of sessions) {
    const when = `${new Date(1000 * from).toISOString().slice(0, 19)}Z, ${formatDuration(to - from)}`;
    const changed = differences.length > 0 ? `; not bit for bit: ${differences.join(', ')}` : '';
    facts.push([kind === 'start' ? 'started' : `resumed at step ${grouped(step)}`, when + changed]);
  }
  if (damagedLines > 0) facts.push(['metrics.jsonl', `${damagedLines} damaged lines were passed by`]);
  return html`<h2>Machine and configuration</h2><dl>${facts.map(([key, value]) => html`<dt>${key}</dt><dd>${value}</dd>`)}</dl>
${config === undefined ? '' : html`<details><summary>config.yaml</summary><pre>${config}</pre></details>`}`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
