import type { Progress } from './types.ts';

/** What fits a terminal of the usual width beside a prompt. */
const COLUMNS = 120;

/**
 * One line for a person, at most 120 columns: stage, step, loss terms, learning rate, speed, time left, memory. Where the
 * terms do not fit, the last ones are left out and `…` says so.
 */
export function formatProgress(progress: Progress): string {
  const { stage, step, steps, terms, lr, samplesPerSecond, secondsLeft, memoryBytes } = progress;
  const width = String(steps).length;
  const head = `${shorten(stage, 16)} ${String(step).padStart(width)}/${steps}`;
  const tail = [
    `lr ${shortNumber(lr)}`,
    `${shortNumber(samplesPerSecond)}/s`,
    `${formatDuration(secondsLeft)} left`,
    formatBytes(memoryBytes),
  ];
  const shown = Object.entries(terms).map(([name, value]) => `${shorten(name, 20)} ${shortNumber(value)}`);
  const line = (count: number) => {
    const cut = count < shown.length ? ['…'] : [];
    return [head, ...shown.slice(0, count), ...cut, ...tail].join(' · ');
  };
  let count = shown.length;
  while (count > 0 && line(count).length > COLUMNS) count -= 1;
  return line(count).slice(0, COLUMNS);
}

/** The same for programs: one line of JSON. */
export function progressToJson(progress: Progress): string {
  return JSON.stringify({ type: 'progress', ...progress });
}

/** `1d 4h`, `2h 05m`, `3m 20s`, `12s`; `?` for what is not known yet. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24];
  const [minutes, rest] = [Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  if (days > 0) return `${days}d ${two(hours)}h`;
  if (hours > 0) return `${hours}h ${two(minutes)}m`;
  return minutes > 0 ? `${minutes}m ${two(rest)}s` : `${rest}s`;
}

/** `512 B`, `1.5 MiB`, `11.2 GiB` */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** Three significant digits: `0.0315`, `2.00e-4`, `412`. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e-3 || size >= 1e5) return value.toExponential(2);
  return size >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
