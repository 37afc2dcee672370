/** Writes checkpoints without end, each announced before and after on stdout; to be killed. Arguments: folder, first step. */
import { applyRetention, writeCheckpoint } from '@lua-webgpu/train';
import { contentAt } from './content.ts';

const [folder = '', first = '1'] = process.argv.slice(2);
// About a megabyte in six files: long enough that most kills fall into a write.
for (let step = Number(first); ; step++) {
  const content = contentAt(step, { size: 2 ** 14 });
  process.stdout.write(`begin ${step}\n`);
  await writeCheckpoint(folder, content);
  process.stdout.write(`end ${step}\n`);
  await applyRetention(folder, { keepLast: 2 });
}
