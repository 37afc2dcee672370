import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { requestPlatformAdapter } from '@lua-webgpu/kernels';
import { compare } from './compare.ts';
import { driverEnvironment } from './drivers.ts';
import { type ContenderName, contenders, install, titleOf } from './packages.ts';
import { problems } from './problems.ts';
import { ContenderProcess } from './process.ts';
import { type Comparison, type Row, tableOf } from './table.ts';

/**
 * Ours beside other libraries on the same adapter. `npm run bench:peers -- [--adapter NAME] [--filter TEXT]
 * [--training] [--only ours,tfjs,…] [--seconds 0.5] [--timeout 120] [--save FILE]`; the peers are installed into the
 * temporary folder when they are first needed.
 */
const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    /** Part of a problem's name; may be given several times. */
    filter: { type: 'string', multiple: true, default: [''] },
    /** Training steps of the network in place of everything else: each takes a minute and more. */
    training: { type: 'boolean', default: false },
    /** Beside ours, which the results are compared with. */
    only: { type: 'string', default: contenders.join(',') },
    /** For each contender and problem; at least five samples are taken, or as many as fit ten seconds. */
    seconds: { type: 'string', default: '0.5' },
    /** For one answer of a peer, compilation included. */
    timeout: { type: 'string', default: '120' },
    save: { type: 'string' },
  },
});

const { description, notice } = await requestPlatformAdapter({ name: values.adapter });
process.stderr.write(`${notice}\n`);
const wanted = new Set(['ours', ...values.only.split(',')]);
const names = contenders.filter((name) => wanted.has(name));
const environment = await driverEnvironment(description);
const processes = new Map(
  names.map((name): [ContenderName, ContenderProcess] => [
    name,
    new ContenderProcess(name, {
      folder: install(name),
      adapter: values.adapter,
      // The others ask Dawn for the adapter by name.
      environment: name === 'onnxruntime' ? environment : {},
      timeoutMs: 1e3 * Number(values.timeout),
    }),
  ]),
);

const rows: Row[] = [];
process.once('SIGINT', () => finish(130)).once('SIGTERM', () => finish(143));
for (const [index, problem] of problems.entries()) {
  const asked = values.filter.some((text) => problem.name.includes(text));
  if (asked && (problem.kind === 'step') === values.training)
    rows.push(await compare(index, processes, Number(values.seconds)));
}
finish(0);

/** An interrupted run tells what it has measured so far. */
function finish(code: number): never {
  for (const each of processes.values()) each.stop();
  const comparison: Comparison = {
    adapter: description,
    date: new Date().toISOString(),
    titles: Object.fromEntries(names.map((name) => [name, titleOf(name)])),
    rows,
  };
  console.log(tableOf(comparison));
  if (values.save) writeFileSync(values.save, `${JSON.stringify(comparison, null, 2)}\n`);
  process.exit(code);
}
