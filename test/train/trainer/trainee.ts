/** Trains the toy in a run folder, from its newest checkpoint on where there is one; to be killed. Arguments: data, folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { train } from '@lua-webgpu/train';
import { openToyDevice, toyConfig } from './toy.ts';

const [data = '', out = '', ...set] = process.argv.slice(2);
const { step } = await train(toyConfig(data, set), {
  out,
  resume: existsSync(join(out, 'config.yaml')),
  open: openToyDevice,
  onProgress: (progress) => process.stdout.write(`step ${progress.step}\n`),
});
process.stdout.write(`done ${step}\n`);
