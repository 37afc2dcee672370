import { FileError } from '@lua-webgpu/kernels';
import { type LuaConfig, type Problem, problemsOf, refusal } from '@lua-webgpu/lua-model';
import { resolveModel } from './model.ts';
import { type ConfigNode, entriesOf, nodeAt, placeOf, plain, withNode } from './node.ts';
import { relationProblems } from './relations.ts';
import { FORMAT_VERSION, keysAt, type TrainFile, trainFile } from './schema.ts';
import type { LossConfig, StageConfig, TrainConfig } from './types.ts';

/**
 * Checks a configuration and fills in what it leaves open.
 * @throws FileError `config-version`, `config-unknown-key`, `config-missing`, `config-type`, `config-range`
 */
export function resolveConfig(written: ConfigNode): TrainConfig {
  if (!(written.value instanceof Map)) {
    throw new FileError(
      'config-type',
      `${written.place}: the configuration is ${written.value === null ? 'empty' : 'no map'}`,
      'Give a YAML file; recipes/ has examples.',
    );
  }
  const node = expandShorthands(written);
  const located = (problem: Problem): Problem => ({
    ...problem,
    message: `${placeOf(node, problem.path ?? [])}: ${problem.message}`,
  });
  const refuse = (problems: readonly Problem[]) => refusal(undefined, problems.map(located));
  const later = laterVersion(node);
  if (later) throw refuse([later]);
  const json = plain(node);
  const read = trainFile.safeParse(json);
  if (!read.success) {
    throw refuse(problemsOf(read.error.issues, json, (path) => ({ here: keysAt(path) })));
  }
  const model = resolveModel(read.data.model, `${placeOf(node, ['model'])}: model`);
  if (!('heads' in model)) throw refuse(model);
  const config = complete(read.data, model);
  const problems = relationProblems(config);
  if (problems.length > 0) throw refuse(problems);
  return config;
}

/** `l1_latent: 1` for `l1_latent: {weight: 1}`, `weights: lua.pth` for `weights: {file: lua.pth}`. */
function expandShorthands(config: ConfigNode): ConfigNode {
  const expand = (node: ConfigNode, path: readonly PropertyKey[], key: string): ConfigNode => {
    const found = nodeAt(node, path);
    const wanted = key === 'weight' ? 'number' : 'string';
    if (!found || typeof found.value !== wanted) return node;
    return withNode(node, path, { place: found.place, value: new Map([[key, found]]) });
  };
  let expanded = expand(config, ['weights'], 'file');
  const stages = nodeAt(config, ['stages'])?.value;
  for (const [i, stage] of (Array.isArray(stages) ? stages : []).entries()) {
    for (const name of entriesOf(nodeAt(stage, ['loss'])).keys()) {
      expanded = expand(expanded, ['stages', i, 'loss', name], 'weight');
    }
  }
  return expanded;
}

/** Before anything else: the keys of a later version are no mistakes. */
function laterVersion(node: ConfigNode): Problem | undefined {
  const version = nodeAt(node, ['version'])?.value;
  if (typeof version !== 'number' || !(version > FORMAT_VERSION)) return undefined;
  return {
    code: 'config-version',
    message: `version is ${version}, this program knows ${FORMAT_VERSION}`,
    fix: 'Update lua-webgpu.',
    path: ['version'],
  };
}

function complete(file: TrainFile, model: LuaConfig): TrainConfig {
  const { validation: wanted, checkpoint, stages, ...rest } = file;
  const validation =
    wanted === undefined ? (file.data.validation === null ? null : defaultValidation) : wanted;
  const best = checkpoint.best === undefined ? (validation === null ? null : 'psnr') : checkpoint.best;
  return {
    ...rest,
    model,
    stages: stages.map((stage) => completeStage(stage, model)),
    validation,
    checkpoint: { ...checkpoint, best },
  };
}

const defaultValidation = trainFile.shape.validation.unwrap().unwrap().parse({});

function completeStage(stage: TrainFile['stages'][number], model: LuaConfig): StageConfig {
  const { steps, batch, micro_batch, milestones, heads } = stage;
  return {
    ...stage,
    loss: lossOf(stage.loss),
    micro_batch: micro_batch ?? batch,
    milestones: milestones ?? defaultMilestones(steps),
    heads: { ...heads, scales: heads.scales ?? model.heads.map(({ scale }) => scale) },
  };
}

/** A weight of 0 turns a term off: a file that extends another has no other way to. */
function lossOf(loss: TrainFile['stages'][number]['loss']): LossConfig {
  return Object.fromEntries(Object.entries(loss).filter(([, term]) => term !== undefined && term.weight > 0));
}

/** Half, three quarters and nine tenths of a stage; a short one has fewer. */
function defaultMilestones(steps: number): number[] {
  const milestones = [0.5, 0.75, 0.9].map((part) => Math.round(part * steps));
  return [...new Set(milestones)].filter((step) => step > 0 && step < steps);
}
