import { shortNumber } from '../progress.ts';
import { chart } from './chart.ts';
import type { RunData } from './data.ts';
import type { Series } from './draw.ts';
import { html, type Markup } from './markup.ts';
import type { Point } from './series.ts';
import type { StageCurves } from './stages.ts';
import { scaleName } from './summary.ts';

/** How those who made the pixels of a validation are called, and drawn. */
const makers: Readonly<Record<string, { readonly label: string; readonly colour: number }>> = {
  lua: { label: 'LUA', colour: 0 },
  bicubic_latent: { label: 'bicubic latent', colour: 7 },
  decode_bicubic: { label: 'decode, then bicubic', colour: 1 },
  round_trip: { label: 'round trip', colour: 2 },
};

/** PSNR by scale, with the lines to compare with. */
export function validation(data: RunData): Markup {
  const scales = [...new Set(data.validations.flatMap(({ psnr }) => [...psnr.keys()]))];
  if (scales.length === 0) return html``;
  const spans = spansOf(data.stages);
  const charts = scales.map((scale) => {
    const series = Object.entries(makers).map(([maker, { label, colour }]): Series => {
      const points = data.validations.map(({ step, psnr }) => ({
        x: step,
        y: psnr.get(scale)?.[maker] ?? Number.NaN,
      }));
      return { name: label, parts: [points], colour, style: maker === 'lua' ? 'marks' : 'reference' };
    });
    const title = `PSNR ${scaleName(scale)}`;
    return chart({
      title,
      unit: 'dB',
      scale: 'linear',
      decimals: 2,
      series,
      spans,
      range: [0, data.lastStep],
      wide: scales.length === 1,
    });
  });
  return html`<h2>Validation <small>decoded images against the reference; higher is better</small></h2><div class="charts">${charts}</div>${psnrTable(data, scales)}`;
}

function psnrTable({ validations }: RunData, scales: readonly string[]): Markup {
  const shown = (value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? '–' : value.toFixed(2);
  const rows = scales.map((scale) => {
    const all = validations.flatMap(({ step, psnr }) => ({ step, lua: psnr.get(scale)?.lua ?? Number.NaN }));
    const best = all.reduce((a, b) => (b.lua > a.lua || Number.isNaN(a.lua) ? b : a), {
      step: 0,
      lua: Number.NaN,
    });
    const last = validations.findLast(({ psnr }) => psnr.has(scale))?.psnr.get(scale) ?? {};
    return html`<tr><td>${scaleName(scale)}</td><td><b>${shown(last.lua)}</b></td><td>${shown(best.lua)} <span class="soft">at ${best.step.toLocaleString('en-US')}</span></td><td>${shown(last.bicubic_latent)}</td><td>${shown(last.decode_bicubic)}</td><td>${shown(last.round_trip)}</td></tr>`;
  });
  return html`<div class="scroll" style="margin-top:14px"><table><tr><th>PSNR, dB</th><th>LUA, last</th><th>LUA, best</th><th>bicubic latent</th><th>decode, then bicubic</th><th>round trip</th></tr>${rows}</table></div>`;
}

/** For each stage its loss and the terms of it. */
export function losses(data: RunData): Markup {
  return html`${data.stages.filter(({ taken }) => taken > 0).map(stageLosses)}`;
}

function stageLosses(stage: StageCurves): Markup {
  const range = [stage.first, stage.last] as const;
  const terms = [...stage.terms].map(
    ([name, points], i): Series => ({ name, parts: [points], colour: i + 1, style: 'noisy' }),
  );
  const loss: Series = { name: 'loss', parts: [stage.loss], colour: 0, style: 'noisy' };
  const count = (value: number) => value.toLocaleString('en-US');
  const facts = [
    `steps ${count(stage.first)} to ${count(stage.last)}`,
    ...(stage.planned === undefined ? [] : [`${count(stage.planned)} planned`]),
    ...(stage.batch === undefined ? [] : [`batch ${stage.batch}`]),
    ...shares(stage),
  ];
  return html`<h2>Stage ${stage.name}</h2><p class="soft">${facts.join(' · ')}</p>
<div class="charts">${chart({ title: 'Loss', unit: 'weighted sum of the terms', scale: 'log', series: [loss], range })}${chart({ title: 'Terms', unit: 'without their weights', scale: 'log', series: terms, range })}</div>`;
}

/** What each term is of the loss, over the last tenth of the stage. */
function shares({ weighted, losses: weights }: StageCurves): string[] {
  const means = [...weighted].map(
    ([name, points]) => [name, mean(points.slice(-Math.ceil(points.length / 10)))] as const,
  );
  const total = means.reduce((sum, [, value]) => sum + value, 0);
  if (means.length < 2 || !(total > 0)) return [];
  const parts = means.map(([name, value]) => {
    const weight = weights[name] === undefined ? '' : `${weights[name]} × `;
    return `${weight}${name} ${Math.round((100 * value) / total)} %`;
  });
  return [`of the loss at the end: ${parts.join(', ')}`];
}

/** What the optimiser did, over all stages. */
export function optimisation(data: RunData): Markup {
  if (data.stages.every(({ taken }) => taken === 0)) return html``;
  const spans = spansOf(data.stages);
  const byStage = (pick: (stage: StageCurves) => readonly Point[]) => data.stages.map(pick);
  const lr: Series = { name: 'lr', parts: [byStage(({ lr }) => lr).flat()], colour: 0, style: 'steps' };
  const norm: Series = {
    name: 'norm',
    parts: byStage(({ gradientNorm }) => gradientNorm),
    colour: 3,
    style: 'noisy',
  };
  return html`<h2>Optimisation</h2><div class="charts">${chart({ title: 'Learning rate', scale: 'linear', series: [lr], spans })}${chart({ title: 'Gradient norm', unit: 'before clipping', scale: 'log', series: [norm], spans })}</div>`;
}

/** Throughput, and where the time went. */
export function speed(data: RunData): Markup {
  const stages = data.stages.filter(({ taken }) => taken > 0);
  if (stages.length === 0) return html``;
  const parts = stages.map(({ samplesPerSecond }) => samplesPerSecond);
  const series: Series = { name: 'samples per second', parts, colour: 2, style: 'noisy' };
  const throughput = chart({
    title: 'Throughput',
    unit: 'samples per second',
    scale: 'linear',
    series: [series],
    spans: spansOf(stages),
  });
  return html`<h2>Speed</h2><div class="charts">${throughput}<figure class="chart"><figcaption>A step <small>mean milliseconds, by what they went to</small></figcaption>${stages.map(timeBar)}</figure></div>`;
}

function timeBar({ name, ms, taken }: StageCurves): Markup {
  const wall = ms.get('wall') ?? Number.NaN;
  const parts = [...ms].filter(([part]) => part !== 'wall');
  const rest = wall - parts.reduce((sum, [, each]) => sum + each, 0);
  // Parts that overlap (data is loaded while the GPU works) may add up to more than the step took.
  const all = rest > 0.005 * wall ? [...parts, ['other', rest] as const] : parts;
  const shown = all.filter(([, value]) => value > 0);
  return html`<div style="margin-top:12px">Stage ${name}: <b>${shortNumber(wall / taken)} ms</b>
<div class="bar">${shown.map(([, value], i) => html`<i class="c${i % 8}" style="flex:${Math.ceil((10_000 * value) / wall)}"></i>`)}</div>
<ul class="legend">${shown.map(([part, value], i) => html`<li class="c${i % 8}"><i></i>${part} <b>${shortNumber(value / taken)}</b></li>`)}</ul></div>`;
}

function spansOf(stages: readonly StageCurves[]): { name: string; from: number; to: number }[] {
  return stages
    .filter(({ taken }) => taken > 0)
    .map(({ name, first, last }) => ({ name, from: first, to: last }));
}

function mean(points: readonly Point[]): number {
  return points.reduce((sum, { y }) => sum + y, 0) / points.length;
}
