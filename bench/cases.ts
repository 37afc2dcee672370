import type { BenchCase } from './case.ts';
import { cases as conv2d } from './kernels/conv2d.ts';
import { cases as conv2dGradient } from './kernels/conv2d-gradient.ts';
import { cases as elementwise } from './kernels/elementwise.ts';
import { cases as fft2d } from './kernels/fft2d.ts';
import { cases as filter } from './kernels/filter.ts';
import { cases as gather } from './kernels/gather.ts';
import { cases as gridSample } from './kernels/grid-sample.ts';
import { cases as groupNorm } from './kernels/group-norm.ts';
import { cases as l1Loss } from './kernels/l1-loss.ts';
import { cases as layerNorm } from './kernels/layer-norm.ts';
import { cases as layerNormBackward } from './kernels/layer-norm-backward.ts';
import { cases as layout } from './kernels/layout.ts';
import { cases as matmul } from './kernels/matmul.ts';
import { cases as optim } from './kernels/optim.ts';
import { cases as pad } from './kernels/pad.ts';
import { cases as permute } from './kernels/permute.ts';
import { cases as pixelShuffle } from './kernels/pixel-shuffle.ts';
import { cases as reduce } from './kernels/reduce.ts';
import { cases as resize } from './kernels/resize.ts';
import { cases as softmax } from './kernels/softmax.ts';
import { cases as windowAttention } from './kernels/window-attention.ts';
import { cases as windowAttentionBackward } from './kernels/window-attention-backward.ts';
import { cases as losses } from './losses.ts';
import { cases as model } from './model.ts';

/** Every case, kernels first. */
export const allCases: readonly BenchCase[] = [
  ...conv2d,
  ...conv2dGradient,
  ...elementwise,
  ...fft2d,
  ...filter,
  ...gather,
  ...gridSample,
  ...groupNorm,
  ...l1Loss,
  ...layerNorm,
  ...layerNormBackward,
  ...layout,
  ...matmul,
  ...optim,
  ...pad,
  ...permute,
  ...pixelShuffle,
  ...reduce,
  ...resize,
  ...softmax,
  ...windowAttention,
  ...windowAttentionBackward,
  ...losses,
  ...model,
];
