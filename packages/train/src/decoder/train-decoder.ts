import { type Device, NonFiniteError } from '@lua-webgpu/kernels';
import { AutoencoderTiny, type Lua, profileOf, type TinyConfig } from '@lua-webgpu/lua-model';
import {
  Adam,
  backward,
  cosine,
  Ema,
  type FileTensor,
  linearWarmUp,
  openScope,
  ParameterArena,
  Tape,
} from '@lua-webgpu/tensor';
import { type Dataset, Loader } from '../data/index.ts';
import { Objective, type ObjectiveConfig } from '../losses/index.ts';
import { TrainingError } from '../trainer/index.ts';
import { type LatentSource, latentSources } from './latent-sources.ts';

export interface DecoderRecipe {
  /** Channels of the hidden maps, a multiple of 4. */
  readonly width: number;
  /** Blocks of three convolutions at each resolution, from that of the latent up. */
  readonly blocks: readonly number[];
  /** Terms of the pixel space. */
  readonly loss: ObjectiveConfig;
  readonly steps: number;
  readonly batch: number;
  /** Side of the crops of the latents. */
  readonly crop: number;
  /** At the peak: a linear warm-up of a twentieth of the steps, then half a cosine. */
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly clip: number;
  readonly ema: number;
  readonly seed: number;
}

/** For the demonstration: a sixth of the parameters of TAESD's decoder and a fifth of its operations. */
export const demoDecoder: DecoderRecipe = {
  width: 32,
  blocks: [3, 2, 1, 0],
  loss: { l1_pixel: 1 },
  steps: 2000,
  batch: 4,
  crop: 16,
  lr: 2e-3,
  betas: [0.9, 0.99],
  clip: 1,
  ema: 0.99,
  seed: 0,
};

export interface DecoderProgress {
  readonly step: number;
  readonly steps: number;
  /** Mean of the loss since the report before. */
  readonly loss: number;
}

export interface DecoderOptions {
  /** Its results, and interpolated latents, are to be decoded as well; without it encoded photographs alone. */
  readonly network?: Lua | undefined;
  /** Weights of a decoder of the recipe's shape to begin with, as `trainDecoder` returns them; else drawn by the seed. */
  readonly initial?: ReadonlyMap<string, FileTensor> | undefined;
  /** Ends the training after a step; what was learned so far is the result. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DecoderProgress) => void) | undefined;
}

export interface TrainedDecoder {
  /** The moving average, under diffusers' names of an AutoencoderTiny without its encoder. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
  readonly config: TinyConfig;
  /** Steps that were taken. */
  readonly steps: number;
}

const progressEvery = 10;

/**
 * Trains a small decoder in TAESD's layout from latents to the photographs they were made from, so that results can be
 * looked at where nobody else's decoder is at hand.
 *
 * @param dataset prepared with its pixels
 * @throws TrainingError `train-data` for data without pixels, smaller than the crops, or not of the network's kind, NonFiniteError `non-finite` when
 *   the loss is, ShapeError `loader-options`, `state-dict-mismatch` for other initial weights
 */
export async function trainDecoder(
  device: Device,
  dataset: Dataset,
  recipe: DecoderRecipe = demoDecoder,
  { network, initial, signal, onProgress }: DecoderOptions = {},
): Promise<TrainedDecoder> {
  const { settings } = dataset.index;
  const { steps, crop, seed } = recipe;
  const config: TinyConfig = {
    latentChannels: settings.vae.channels,
    width: recipe.width,
    encoderBlocks: recipe.blocks.toReversed(),
    decoderBlocks: recipe.blocks,
  };
  checkData(dataset, crop);
  if (network) checkNetwork(network, dataset, crop);
  const loader = new Loader(dataset, {
    seed,
    batch: recipe.batch,
    scales: settings.scales,
    crop,
    pixels: true,
  });
  using decoder = new AutoencoderTiny(config, profileOf(settings.vae.profile), ['decoder']);
  if (initial) decoder.loadStateDict(device, initial);
  else decoder.initialize(device, seed);
  using arena = new ParameterArena(decoder.namedParameters());
  using optimizer = new Adam(arena, { lr: schedule(recipe), betas: recipe.betas });
  using ema = new Ema(arena, { decay: recipe.ema });
  const objective = new Objective(recipe.loss);
  const sources = latentSources(network);

  let sum = 0;
  let step = 0;
  for (; step < steps && !signal?.aborted; step++) {
    const batch = await loader.batch(step);
    const { pixels } = batch;
    if (!pixels) throw new TypeError('a batch without the pixels that it was asked for');
    using scope = openScope(device);
    using tape = new Tape();
    const latentOf = sources[step % sources.length] as LatentSource;
    const image = decoder.decode(tape.constant(latentOf(scope, batch)));
    const target = { pixel: scope.tensor(pixels.data, pixels.shape) };
    const { total, values } = objective.evaluate({ pixel: image }, target);
    const report = objective.read(scope.borrow(values));
    using gradients = backward(total);
    optimizer.step(gradients, { maxNorm: recipe.clip });
    ema.update();
    sum += requireFinite((await report).total, step);
    if ((step + 1) % progressEvery === 0) {
      onProgress?.({ step: step + 1, steps, loss: sum / progressEvery });
      sum = 0;
    }
  }
  const tensors = await ema.apply(() => decoder.stateDict());
  return { tensors, config, steps: step };
}

function checkData({ folder, index, length, side }: Dataset, crop: number): void {
  const problem =
    (length === 0 && `${folder} holds no samples`) ||
    (!index.settings.pixels && `${folder} holds no pixels, which a decoder learns from`) ||
    (crop > side && `crops of ${crop} latent pixels are asked for, the latents in ${folder} have ${side}`);
  if (!problem) return;
  throw new TrainingError('train-data', problem, 'Prepare the data with --pixels, or take smaller crops.');
}

function checkNetwork({ config, scales }: Lua, { folder, index }: Dataset, crop: number): void {
  const { settings } = index;
  const missing = scales.filter((scale) => !settings.scales.includes(scale));
  const uneven = scales.filter((scale) => crop % scale !== 0);
  const problem =
    (config.in_chans !== settings.vae.channels &&
      `the network takes ${config.in_chans} channels, the latents in ${folder} have ${settings.vae.channels}`) ||
    (missing.length > 0 && `${folder} has no small latents for ×${missing.join(' and ×')}`) ||
    (uneven.length > 0 && `crops of ${crop} are no multiple of ${uneven.join(' and ')}`);
  if (!problem) return;
  throw new TrainingError(
    'train-data',
    problem,
    'Take the network that the data were prepared for, or other crops.',
  );
}

function schedule({ lr, steps }: DecoderRecipe) {
  const warmUp = Math.ceil(steps / 20);
  return linearWarmUp(cosine({ lr, steps }), { steps: warmUp, startFactor: 0.1 });
}

/** The update of such a step is on the device already: the weights are lost. */
function requireFinite(loss: number, step: number): number {
  if (Number.isFinite(loss)) return loss;
  throw new NonFiniteError(
    'non-finite',
    `the loss of step ${step} is ${loss}`,
    'Train with a lower learning rate.',
  );
}
