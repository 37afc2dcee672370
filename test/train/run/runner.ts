/** Pretends to train in a run folder without end, from its newest checkpoint on; to be killed. Argument: the folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RunFolder } from '@lua-webgpu/train';
import { contentAt } from '../checkpoint/content.ts';
import { stepLine } from './lines.ts';

const path = process.argv[2] ?? '';
const run = await RunFolder.open(path, {
  resume: existsSync(join(path, 'config.yaml')),
  onNotice: (line) => process.stderr.write(`${line}\n`),
});
const newest = run.found.newest?.state.step;
await run.start({ config: 'name: killed\n', step: newest });
for (let step = (newest ?? 0) + 1; ; step++) {
  await run.append(stepLine(step));
  if (step % 3 === 0) {
    await run.saveCheckpoint(contentAt(step), { retention: { keepLast: 2 } });
    process.stdout.write(`${step}\n`);
  }
}
