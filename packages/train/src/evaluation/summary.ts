import type { Closeness, Measured, PhotoResult } from './evaluate.ts';
import { type ChannelGap, distributionGap } from './statistics/index.ts';

/** Means over photographs, by the name of the way of upscaling. */
export interface EvaluationSummary {
  readonly scale: number;
  readonly photos: number;
  /** In the order in which tables show them. */
  readonly ways: Readonly<Record<string, Measured>>;
  /** How far the values of latents are from those of z_HR, means over the channels (paper, table 5): of z_LR, and of ẑ. */
  readonly gaps: { readonly lr: ChannelGap; readonly lua: ChannelGap };
}

/** Floor first, the network last but for the reference. */
const order = ['bilinear_latent', 'bicubic_latent', 'decode_bicubic', 'lua', 'round_trip'];

const titles: Readonly<Record<string, string>> = {
  bilinear_latent: 'bilinear latent',
  bicubic_latent: 'bicubic latent',
  decode_bicubic: 'decode, bicubic pixels',
  lua: 'LUA',
  round_trip: 'encode → decode (reference)',
};

/** @throws RangeError for no photographs */
export function summarise(results: readonly PhotoResult[], scale: number): EvaluationSummary {
  if (results.length === 0) throw new RangeError('summarise: there are no photographs');
  const ways = order.map((name): [string, Measured] => {
    const all = results.map(({ measured }) => measured[name] as Measured);
    return [name, meanMeasured(all)];
  });
  const latents = (which: 'lr' | 'hr' | 'lua') => results.map(({ latents }) => latents[which]);
  const gap = (which: 'lr' | 'lua') => distributionGap(latents(which), latents('hr')).mean;
  return {
    scale,
    photos: results.length,
    ways: Object.fromEntries(ways),
    gaps: { lr: gap('lr'), lua: gap('lua') },
  };
}

function meanMeasured(all: readonly Measured[]): Measured {
  const closeness = (pick: (each: Measured) => Closeness): Closeness => ({
    psnr: mean(all.map((each) => pick(each).psnr)),
    ssim: mean(all.map((each) => pick(each).ssim)),
    ssimY: mean(all.map((each) => pick(each).ssimY)),
  });
  const l1 = all.map(({ l1Latent }) => l1Latent).filter((value) => value !== null);
  return {
    original: closeness(({ original }) => original),
    decoded: closeness(({ decoded }) => decoded),
    colourShift: [0, 1, 2].map((channel) => mean(all.map((each) => each.colourShift[channel] ?? Number.NaN))),
    l1Latent: l1.length > 0 ? mean(l1) : null,
    seconds: mean(all.map(({ seconds }) => seconds)),
  };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A table for people. A picture beside itself has no PSNR: `–`. */
export function markdownOf({ scale, photos, ways, gaps }: EvaluationSummary): string {
  const cell = (value: number | null, digits: number) =>
    value === null || !Number.isFinite(value) ? '–' : value.toFixed(digits);
  const rows = Object.entries(ways).map(([name, { original, decoded, colourShift, l1Latent, seconds }]) =>
    [
      titles[name] ?? name,
      cell(original.psnr, 2),
      cell(original.ssim, 4),
      cell(original.ssimY, 4),
      cell(decoded.psnr, 2),
      cell(decoded.ssim, 4),
      colourShift.map((value) => cell(value, 2)).join(' '),
      cell(l1Latent, 4),
      cell(seconds, 2),
    ].join(' | '),
  );
  return [
    `×${scale}, means over ${photos} photographs; PSNR in dB on 8-bit RGB, colour shift (mean of result − photograph) in its levels.`,
    '',
    '| | PSNR, original | SSIM | SSIM Y | PSNR, D(z_HR) | SSIM | shift R G B | latent L1 | s per image |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map((row) => `| ${row} |`),
    '',
    '| values of latents beside z_HR | W1 | JSD (nats) | variance gap |',
    '| --- | ---: | ---: | ---: |',
    ...[gapRow('z_LR', gaps.lr), gapRow('LUA', gaps.lua)],
    '',
  ].join('\n');
}

const gapRow = (title: string, { wasserstein, jensenShannon, varianceGap }: ChannelGap) =>
  `| ${title} | ${wasserstein.toFixed(4)} | ${jensenShannon.toFixed(4)} | ${(100 * varianceGap).toFixed(1)} % |`;

/** The PSNR beside the original as a bar chart, SVG. */
export function plotOf({ scale, photos, ways }: EvaluationSummary): string {
  const bars = Object.entries(ways).map(([name, { original }]) => ({
    title: titles[name] ?? name,
    value: original.psnr,
    own: name === 'lua',
  }));
  const low = Math.floor(Math.min(...bars.map(({ value }) => value)) - 2);
  const high = Math.ceil(Math.max(...bars.map(({ value }) => value)));
  const [left, right, line, top] = [190, 70, 30, 40];
  const width = 640;
  const height = top + line * bars.length + 10;
  const scaleX = (value: number) => ((width - left - right) * (value - low)) / (high - low);
  const drawn = bars.map(({ title, value, own }, i) => {
    const y = top + line * i;
    const length = scaleX(value).toFixed(1);
    return `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${title}</text><rect x="${left}" y="${y}" width="${length}" height="20" fill="${own ? '#2563eb' : '#94a3b8'}"/><text x="${left + Number(length) + 6}" y="${y + 15}">${value.toFixed(2)}</text>`;
  });
  const caption = `PSNR in dB beside the original, ×${scale}, mean of ${photos}; bars begin at ${low} dB`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13"><rect width="${width}" height="${height}" fill="#fff"/><text x="8" y="22">${caption}</text>${drawn.join('')}</svg>\n`;
}
