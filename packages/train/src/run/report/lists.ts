import { formatBytes } from '../progress.ts';
import type { RunData } from './data.ts';
import { html, type Markup } from './markup.ts';

/** A sample with its bytes. */
export interface Picture {
  readonly name: string;
  readonly step: number;
  readonly stage: string;
  readonly base64: string;
  /** Pixels. */
  readonly width: number;
}

/** Pictures of at most so many pixels stand two in a row. */
const HALF = 700;
/** Rows of a list before `and … more`. */
const MAX_ROWS = 20;

/** Validation pictures, those of one name below each other as they came about. */
export function sampleStrips(pictures: readonly Picture[], total: number): Markup {
  if (pictures.length === 0) return html``;
  const names = [...new Set(pictures.map(({ name }) => name))];
  const strips = names.flatMap((name) => pictures.filter((picture) => picture.name === name));
  const note = pictures.length < total ? ` ${pictures.length} of ${total}; the others are in samples/` : '';
  return html`<h2>Samples <small>${note}</small></h2><div class="samples">${strips.map(
    ({ name, step, stage, base64, width }) =>
      html`<figure class="sample${width > HALF ? ' wide' : ''}"><figcaption>${name} <small>step ${grouped(step)}, stage ${stage}</small></figcaption><img alt="${name} at step ${step}" src="data:image/png;base64,${base64}"></figure>`,
  )}</div>`;
}

/** Steps that were skipped, and alarms. */
export function troubles({ skipped, alarms }: RunData): Markup {
  const skips = skipped.map(({ step, stage, reason, ids }) => [grouped(step), stage, reason, ids.join(', ')]);
  const calls = alarms.map(({ step, stage, code, message }) => [grouped(step), stage, code, message]);
  return html`${table('Skipped steps', ['step', 'stage', 'reason', 'samples of the batch'], skips)}${table('Alarms', ['step', 'stage', 'code', 'what'], calls)}`;
}

export function checkpointTable({ checkpoints }: RunData): Markup {
  const known = (value: number, show: (value: number) => string) => (Number.isNaN(value) ? '–' : show(value));
  // Those that are still there first of all; of the deleted ones the last.
  const shown = checkpoints.filter(({ state }) => state !== 'deleted');
  const deleted = checkpoints.length - shown.length;
  if (checkpoints.length === 0) return html``;
  const rows = shown.map(
    ({ name, step, stage, bytes, ms, best, state }) =>
      html`<tr><td>checkpoints/${name}${best ? html` <b>best</b>` : ''}${state === 'damaged' ? html` <span class="warn">damaged</span>` : ''}</td><td>${known(step, grouped)}</td><td class="left">${stage}</td><td>${known(bytes, formatBytes)}</td><td>${known(ms, (value) => `${(value / 1000).toFixed(2)} s`)}</td></tr>`,
  );
  return html`<h2>Checkpoints <small>${deleted > 0 ? `${deleted} more were written and deleted by the retention policy` : ''}</small></h2><div class="scroll"><table><tr><th>folder</th><th>step</th><th class="left">stage</th><th>size</th><th>written in</th></tr>${rows}</table></div>`;
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): Markup {
  if (rows.length === 0) return html``;
  const more =
    rows.length > MAX_ROWS
      ? html`<tr><td colspan="${head.length}" class="soft">and ${rows.length - MAX_ROWS} more</td></tr>`
      : '';
  const body = rows
    .slice(0, MAX_ROWS)
    .map(
      (row) =>
        html`<tr>${row.map((cell, i) => html`<td class="left${i > 1 ? ' wrap' : ''}">${cell}</td>`)}</tr>`,
    );
  return html`<h2>${title} <small>${rows.length}</small></h2><div class="scroll"><table><tr>${head.map((cell) => html`<th class="left">${cell}</th>`)}</tr>${body}${more}</table></div>`;
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
