import type { Problem } from './problems.ts';
import { pathText, shown } from './problems.ts';
import { type HeadConfig, type LuaConfig, mlpHidden } from './types.ts';

function range(message: string, fix: string): Problem {
  return { code: 'config-range', message, fix };
}

/** What is wrong between the fields of a config whose fields are each in range. */
export function relationProblems(config: LuaConfig): Problem[] {
  return [...trunkProblems(config), ...headProblems(config)];
}

function trunkProblems(config: LuaConfig): Problem[] {
  const { depths, num_heads, embed_dim, img_size, window_size, mean, in_chans } = config;
  const problems: Problem[] = [];
  if (depths.length !== num_heads.length) {
    problems.push(
      range(
        `depths ${shown(depths)} has ${depths.length} layers, num_heads ${shown(num_heads)} has ${num_heads.length}`,
        'Give both one number per layer.',
      ),
    );
  }
  const uneven = num_heads.find((heads) => embed_dim % heads !== 0);
  if (uneven !== undefined) {
    problems.push(
      range(
        `embed_dim ${embed_dim} is not a multiple of num_heads ${uneven}`,
        'Each attention head takes an equal share of embed_dim.',
      ),
    );
  }
  if (config.resi_connection === '3conv' && embed_dim < 4) {
    problems.push(
      range(
        `embed_dim ${embed_dim} is too small for resi_connection "3conv", which narrows it to a quarter`,
        'Use "1conv", or an embed_dim of 4 or more.',
      ),
    );
  }
  if (mlpHidden(config) < 1) {
    problems.push(
      range(
        `mlp_ratio ${config.mlp_ratio} of embed_dim ${embed_dim} leaves no hidden channel`,
        'Raise mlp_ratio.',
      ),
    );
  }
  if (Math.min(...img_size) > window_size && img_size.some((side) => side % window_size !== 0)) {
    problems.push(
      range(
        `img_size ${shown(img_size)} is not a multiple of window_size ${window_size}`,
        'It decides only whether windows shift and the size of stored masks: take the nearest multiple.',
      ),
    );
  }
  if (mean.length !== 0 && mean.length !== in_chans) {
    problems.push(
      range(
        `mean has ${mean.length} numbers for in_chans ${in_chans}`,
        'Give one number per input channel, or [].',
      ),
    );
  }
  return problems;
}

function headProblems({ heads, mean }: LuaConfig): Problem[] {
  const problems = heads.flatMap((head, i) => scaleProblems(head, pathText(['heads', i])));
  const primaries = heads.filter(({ primary }) => primary);
  if (primaries.length > 1) {
    problems.push(
      range(
        `${primaries.length} heads are primary: ${primaries.map(({ name }) => name).join(', ')}`,
        'Mark one head as primary, or none: then it is the one with the largest scale.',
      ),
    );
  }
  const seen = new Set<string | number>();
  for (const { name, scale, out_chans } of heads) {
    if (seen.has(name)) {
      problems.push(range(`two heads are called ${shown(name)}`, 'Give each head a name of its own.'));
    } else if (seen.has(scale)) {
      problems.push(range(`two heads have scale ${scale}`, 'Heads are chosen by scale: give one per scale.'));
    }
    seen.add(name).add(scale);
    if (mean.length !== 0 && out_chans !== mean.length) {
      problems.push(
        range(
          `head ${shown(name)} has out_chans ${out_chans}, but the mean of ${mean.length} channels is added to it`,
          'Make out_chans equal to in_chans.',
        ),
      );
    }
  }
  return problems;
}

function scaleProblems({ scale, upsampler }: HeadConfig, place: string): Problem[] {
  const powerOfTwo = (scale & (scale - 1)) === 0;
  const allowed: Record<HeadConfig['upsampler'], readonly [boolean, string]> = {
    pixelshuffle: [powerOfTwo || scale === 3, '1, 2, 3, 4, 8 or 16'],
    pixelshuffledirect: [powerOfTwo || scale === 3, '1, 2, 3, 4, 8 or 16'],
    'nearest+conv': [scale === 2 || scale === 4, '2 or 4'],
    '': [scale === 1, '1 (the image keeps its size)'],
  };
  const [fits, values] = allowed[upsampler];
  if (fits) return [];
  return [
    range(`${place}: scale ${scale} with upsampler ${shown(upsampler)}`, `Its scale can be ${values}.`),
  ];
}
