import { expectedTensors, type Problem, pathText, profileOf, shown } from '@lua-webgpu/lua-model';
import { matchesPattern } from './patterns.ts';
import { needsPixels } from './stage.ts';
import type { StageConfig, TrainConfig } from './types.ts';

/** What is wrong between the fields of a configuration whose fields are each in range. */
export function relationProblems(config: TrainConfig): Problem[] {
  const parameters = [...expectedTensors(config.model).keys()];
  return [
    ...modelProblems(config),
    ...patternProblems(['weights', 'replace'], config.weights?.replace ?? [], parameters),
    ...nameProblems(config.stages),
    ...config.stages.flatMap((stage, i) => stageProblems(config, stage, ['stages', i])),
    ...config.stages.flatMap(({ trainable }, i) =>
      patternProblems(['stages', i, 'trainable'], trainable, parameters),
    ),
    ...validationProblems(config),
  ];
}

function problem(path: readonly PropertyKey[], message: string, fix: string): Problem {
  return { code: 'config-range', path, message: `${pathText(path)} ${message}`, fix };
}

function missing(path: readonly PropertyKey[], message: string, fix: string): Problem {
  return { code: 'config-missing', path, message, fix };
}

function modelProblems({ model, vae }: TrainConfig): Problem[] {
  const problems: Problem[] = [];
  if (vae) {
    const { name, channels } = profileOf(vae.profile);
    if (channels !== model.in_chans) {
      problems.push(
        problem(
          ['model', 'in_chans'],
          `is ${model.in_chans}, and latents of the profile ${name} have ${channels} channels`,
          `Set model.in_chans to ${channels}, or name the VAE's own profile.`,
        ),
      );
    }
  }
  const uneven = model.heads.find(({ out_chans }) => out_chans !== model.in_chans);
  if (uneven) {
    problems.push(
      problem(
        ['model'],
        `has ${model.in_chans} channels, its head ${uneven.name} gives ${uneven.out_chans}`,
        'Give every head as many channels as the input: both are latents of one VAE.',
      ),
    );
  }
  return problems;
}

function patternProblems(
  path: readonly PropertyKey[],
  patterns: readonly string[],
  parameters: readonly string[],
): Problem[] {
  return patterns.flatMap((pattern, i) =>
    parameters.some((name) => matchesPattern(pattern, name))
      ? []
      : [
          problem(
            [...path, i],
            `is ${shown(pattern)}, which no parameter of the network is called`,
            `Names are like ${parameters.slice(0, 2).join(', ')}, …, ${parameters.at(-1)}; * stands for any characters.`,
          ),
        ],
  );
}

function nameProblems(stages: readonly StageConfig[]): Problem[] {
  return stages.flatMap(({ name }, i) =>
    stages.findIndex((other) => other.name === name) === i
      ? []
      : [problem(['stages', i, 'name'], `is ${shown(name)} a second time`, 'Give each stage its own name.')],
  );
}

function stageProblems(config: TrainConfig, stage: StageConfig, path: readonly PropertyKey[]): Problem[] {
  const { steps, batch, micro_batch, milestones, warm_up, heads, crop, loss } = stage;
  const problems: Problem[] = [];
  if (Object.keys(loss).length === 0) {
    problems.push(
      missing([...path, 'loss'], `${pathText([...path, 'loss'])} has no term`, 'Give one a weight.'),
    );
  }
  if (batch % micro_batch !== 0) {
    problems.push(
      problem(
        [...path, 'micro_batch'],
        `is ${micro_batch}, which does not divide the batch of ${batch}`,
        'Choose a divisor: a batch is made of equal micro-batches.',
      ),
    );
  }
  const last = milestones.at(-1) ?? 0;
  if (last >= steps) {
    problems.push(
      problem(
        [...path, 'milestones'],
        `ends with ${last}, the stage has ${steps} steps`,
        'Leave milestones out, or set them to null: then they are half, three quarters and nine tenths of the steps.',
      ),
    );
  }
  if (warm_up > steps) {
    problems.push(
      problem([...path, 'warm_up'], `is ${warm_up}, the stage has ${steps} steps`, 'Shorten it.'),
    );
  }
  problems.push(...scaleProblems(config, heads.scales, [...path, 'heads', 'scales']));
  problems.push(...cropProblems(crop, heads.scales, [...path, 'crop']));
  if (needsPixels(stage) && !config.vae) {
    problems.push(
      missing(
        [...path, 'loss'],
        `${pathText(path)} (${stage.name}) compares pixels, and no vae is given`,
        'Add vae: {path, profile}, or keep to l1_latent and fft_latent.',
      ),
    );
  }
  return problems;
}

function scaleProblems({ model }: TrainConfig, scales: readonly number[], path: readonly PropertyKey[]) {
  const known = model.heads.map(({ scale }) => scale);
  const problems: Problem[] = [];
  for (const [i, scale] of scales.entries()) {
    if (!known.includes(scale)) {
      problems.push(
        problem([...path, i], `is ${scale}, a scale without a head`, `The model's are ${known.join(', ')}.`),
      );
    } else if (scales.indexOf(scale) !== i) {
      problems.push(problem([...path, i], `is ${scale} a second time`, 'Name each scale once.'));
    }
  }
  return problems;
}

function cropProblems(
  crop: number | null,
  scales: readonly number[],
  path: readonly PropertyKey[],
): Problem[] {
  const largest = Math.max(...scales);
  if (crop === null || crop % largest === 0) return [];
  return [
    problem(
      path,
      `is ${crop}, no multiple of the largest scale ${largest}`,
      `Take ${Math.max(1, Math.round(crop / largest)) * largest}: HR and LR are cropped at the same places.`,
    ),
  ];
}

function validationProblems(config: TrainConfig): Problem[] {
  const { validation, data, vae, checkpoint, model } = config;
  if (validation === null) {
    return checkpoint.best === null
      ? []
      : [
          missing(
            ['checkpoint', 'best'],
            'checkpoint.best asks for the best PSNR, and there is no validation',
            'Set data.validation, or checkpoint.best to null.',
          ),
        ];
  }
  const problems: Problem[] = [];
  if (data.validation === null) {
    problems.push(
      missing(
        ['validation'],
        'validation is set, and data.validation is not',
        'Name a prepared folder there, or set validation to null.',
      ),
    );
  }
  if (!vae) {
    problems.push(
      missing(
        nodeOfValidation(config),
        'validation measures decoded pixels, and no vae is given',
        'Add vae: {path, profile}, or set validation to null.',
      ),
    );
  }
  if (validation.pictures > validation.samples) {
    problems.push(
      problem(
        ['validation', 'pictures'],
        `is ${validation.pictures} of ${validation.samples} samples`,
        'Draw at most as many as are measured.',
      ),
    );
  }
  problems.push(
    ...cropProblems(
      validation.crop,
      model.heads.map(({ scale }) => scale),
      ['validation', 'crop'],
    ),
  );
  return problems;
}

/** Validation may follow from data.validation alone, and is then looked for there. */
function nodeOfValidation({ data }: TrainConfig): readonly PropertyKey[] {
  return data.validation === null ? ['validation'] : ['data', 'validation'];
}
