import type { TrainConfig } from '../config/index.ts';
import { needsPixels } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { TrainingError } from './errors.ts';

/**
 * Refuses data that the configuration cannot be trained on, before anything is computed.
 * @throws TrainingError `train-data`
 */
export function checkData(config: TrainConfig, train: Dataset, validation: Dataset | undefined): void {
  for (const dataset of validation ? [train, validation] : [train]) checkDataset(config, dataset);
  const { settings } = train.index;
  const original = config.data.pixel_target === 'original' && config.stages.some(needsPixels);
  if (original && !settings.pixels) {
    throw refusal(
      `${train.folder} holds no pixels, and the pixel losses are to compare with the photographs`,
      'Prepare the data with --pixels, or set data.pixel_target to decoded.',
    );
  }
  for (const { name, crop } of config.stages) {
    if (crop === null || crop <= train.side) continue;
    throw refusal(
      `stage ${name} takes crops of ${crop} latent pixels, the latents in ${train.folder} have ${train.side}`,
      'Lower the crop, or prepare larger ones.',
    );
  }
}

function checkDataset(config: TrainConfig, { folder, index, channels, length }: Dataset): void {
  const { settings } = index;
  if (length === 0) throw refusal(`${folder} holds no samples`, 'Prepare it from more photographs.');
  if (channels !== config.model.in_chans) {
    throw refusal(
      `the latents in ${folder} have ${channels} channels (${settings.vae.profile}), the model takes ${config.model.in_chans}`,
      'Use data and a model for one VAE.',
    );
  }
  if (config.vae && config.vae.profile !== settings.vae.profile) {
    throw refusal(
      `${folder} was prepared with a VAE of the profile ${settings.vae.profile}, the configuration names one of ${config.vae.profile}`,
      'Prepare the data with the VAE that decodes them.',
    );
  }
  const missing = config.model.heads.find(({ scale }) => !settings.scales.includes(scale));
  if (missing) {
    throw refusal(
      `${folder} has no latents for ×${missing.scale}, only for ${settings.scales.map((scale) => `×${scale}`).join(' and ')}`,
      'Prepare the data for every scale that the model has a head for.',
    );
  }
}

const refusal = (message: string, fix: string) => new TrainingError('train-data', message, fix);
