import { html, type Markup } from './markup.ts';
import { buckets, type Point, smooth, thin } from './series.ts';

export interface Series {
  readonly name: string;
  /** Pieces that are not connected, and averaged each by itself, as those of several stages. */
  readonly parts: readonly (readonly Point[])[];
  /** Which of the page's colours. */
  readonly colour: number;
  /**
   * `noisy`: the points pale, their average over them; `steps`: what holds until the next point; `marks`: each point seen;
   * `reference`: a dashed line to compare with.
   */
  readonly style: 'noisy' | 'steps' | 'marks' | 'reference';
}

/** From values to the coordinates of the drawing. */
export interface Place {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

/** More points than columns cannot be seen. */
const COLUMNS = 320;

/** The lines of one series. */
export function drawSeries({ parts, colour, style }: Series, place: Place): Markup {
  return html`<g class="${seriesClass(colour, style)}">${parts.map((points) => shapes[style](points, place))}</g>`;
}

export function seriesClass(colour: number, style: Series['style']): string {
  return `c${colour % 8} ${style}`;
}

/** The value that a series ended at. */
export function lastValue({ parts, style }: Series): number {
  const points = parts.at(-1) ?? [];
  return (style === 'noisy' ? smooth(points) : points).at(-1)?.y ?? Number.NaN;
}

const shapes: Readonly<Record<Series['style'], (points: readonly Point[], place: Place) => Markup>> = {
  noisy: (points, place) => {
    const average = thin(smooth(points), COLUMNS);
    return html`${noise(points, place)}<path d="${path(average, place)}"/>`;
  },
  steps: (points, place) => {
    const corners = points.flatMap((point, i) => {
      const before = points[i - 1];
      return before ? [{ x: point.x, y: before.y }, point] : [point];
    });
    return html`<path d="${path(withoutFlat(corners), place)}"/>`;
  },
  marks: (points, place) => {
    const circles = points.map(({ x, y }) => html`<circle cx="${place.x(x)}" cy="${place.y(y)}" r="2.5"/>`);
    return html`<path d="${path(points, place)}"/>${circles}`;
  },
  reference: (points, place) => html`<path d="${path(withoutFlat(points), place)}"/>`,
};

/** All points where they can be told apart, else the range of each column. */
function noise(points: readonly Point[], place: Place): Markup {
  const columns = buckets(points, COLUMNS);
  if (columns.length === points.length) return html`<path class="raw" d="${path(points, place)}"/>`;
  const above = columns.map(({ x, high }) => ({ x, y: high }));
  const below = columns.map(({ x, low }) => ({ x, y: low })).reverse();
  return html`<path class="band" d="${path([...above, ...below], place)}"/>`;
}

/** Points on a level line say nothing that its ends do not. */
function withoutFlat(points: readonly Point[]): Point[] {
  return points.filter(({ y }, i) => y !== points[i - 1]?.y || y !== points[i + 1]?.y);
}

function path(points: readonly Point[], place: Place): string {
  return points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${place.x(x)} ${place.y(y)}`).join('');
}
