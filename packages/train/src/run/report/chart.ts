import { type Axis, linearAxis, logAxis, stepLabel, valueLabel } from './axis.ts';
import { drawSeries, lastValue, type Place, type Series, seriesClass } from './draw.ts';
import { html, type Markup } from './markup.ts';
import { extent, quantile } from './series.ts';

export interface ChartOptions {
  readonly title: string;
  readonly unit?: string;
  readonly scale: 'linear' | 'log';
  readonly series: readonly Series[];
  /** Digits behind the point in the legend; by default as many as are significant. */
  readonly decimals?: number;
  /** Stages, marked along the top. */
  readonly spans?: readonly { readonly name: string; readonly from: number; readonly to: number }[];
  /** The steps at the ends; without it those of the points. */
  readonly range?: readonly [from: number, to: number];
  readonly wide?: boolean;
}

const HEIGHT = 230;
const margin = { left: 52, right: 14, top: 20, bottom: 26 };
/** What an axis is longer than its values need, at each end. */
const PADDING = 0.05;

/** A line chart over steps, as a figure with an SVG. Values that are not finite, or not positive on a log axis, are left out. */
export function chart({ title, unit, series, ...options }: ChartOptions): Markup {
  const drawable = series.map((each) => only(each, options.scale)).filter(({ parts }) => parts.length > 0);
  const content =
    drawable.length > 0 ? plot(title, drawable, options) : html`<p class="none">no values yet</p>`;
  return html`<figure class="chart${options.wide ? ' wide' : ''}"><figcaption>${title}${unit ? html` <small>${unit}</small>` : ''}</figcaption>
${content}</figure>`;
}

function only(series: Series, scale: 'linear' | 'log'): Series {
  const parts = series.parts
    .map((points) => points.filter(({ y }) => Number.isFinite(y) && (scale === 'linear' || y > 0)))
    .filter((points) => points.length > 0);
  return { ...series, parts };
}

function plot(
  title: string,
  series: readonly Series[],
  { scale, decimals, range, spans = [], wide = false }: Omit<ChartOptions, 'title' | 'unit' | 'series'>,
): Markup {
  const width = wide ? 1060 : 520;
  const [from, to] =
    range ?? extent(series.flatMap(({ parts }) => parts.flatMap((part) => part.map(({ x }) => x))));
  const x = linearAxis(from, to, wide ? 10 : 6);
  const y = valueAxis(series, scale);
  const inner = { width: width - margin.left - margin.right, height: HEIGHT - margin.top - margin.bottom };
  const place: Place = {
    x: (value) => round(margin.left + x.place(value) * inner.width),
    // Outliers beyond the axis are drawn at its end.
    y: (value) => {
      const padded = PADDING + (1 - 2 * PADDING) * y.place(value);
      return round(margin.top + (1 - Math.min(1, Math.max(0, padded))) * inner.height);
    },
  };
  const key = (each: Series) => {
    const last = lastValue(each);
    const text = decimals === undefined ? significant(last) : last.toFixed(decimals);
    return html`<li class="${seriesClass(each.colour, each.style)}"><i></i>${each.name} <b>${text}</b></li>`;
  };
  return html`<svg viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${title}">
${spanMarks(spans, place)}${grid(x, y, place, width)}${series.map((each) => drawSeries(each, place))}</svg>
<ul class="legend">${series.map(key)}</ul>`;
}

/** Room for all but the farthest of the noise. */
function valueAxis(series: readonly Series[], scale: 'linear' | 'log'): Axis {
  const bounds = series.flatMap((each) => {
    const values = each.parts.flatMap((points) => points.map(({ y }) => y));
    const noisy = each.style === 'noisy';
    return noisy ? [quantile(values, 0.005), quantile(values, 0.995), lastValue(each)] : extent(values);
  });
  const [low, high] = extent(bounds);
  return scale === 'log' ? logAxis(low, high) : linearAxis(low, high);
}

function grid(x: Axis, y: Axis, place: Place, width: number): Markup {
  const right = width - margin.right;
  const bottom = HEIGHT - margin.bottom;
  const rows = y.ticks.map((tick) => {
    const at = place.y(tick);
    return html`<line x1="${margin.left}" x2="${right}" y1="${at}" y2="${at}"/><text x="${margin.left - 7}" y="${at + 3.5}" text-anchor="end">${valueLabel(tick)}</text>`;
  });
  const columns = x.ticks
    .filter(Number.isInteger)
    .map(
      (tick) =>
        html`<text x="${place.x(tick)}" y="${bottom + 17}" text-anchor="middle">${stepLabel(tick)}</text>`,
    );
  return html`<g class="grid">${rows}${columns}</g>`;
}

function spanMarks(spans: NonNullable<ChartOptions['spans']>, place: Place): Markup {
  const height = HEIGHT - margin.top - margin.bottom;
  const marks = spans.map(({ name, from, to }, i) => {
    const [left, right] = [place.x(from), place.x(to)];
    const shade = html`<rect x="${left}" y="${margin.top}" width="${round(right - left)}" height="${height}"/>`;
    // A name that has no room would lie over the next one.
    const label = right - left > 8 * name.length + 8 ? html`<text x="${left + 4}" y="13">${name}</text>` : '';
    return html`${i % 2 === 1 ? shade : ''}${label}`;
  });
  return html`<g class="span">${marks}</g>`;
}

function significant(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(4)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
