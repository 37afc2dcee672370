import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openDevice } from '@lua-webgpu/kernels';
import { allCases } from './cases.ts';
import { copyCeiling, multiplyAddCeiling } from './ceiling/index.ts';
import { type Measurement, measure } from './measure.ts';

const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    filter: { type: 'string', default: '' },
    seconds: { type: 'string', default: '1' },
    save: { type: 'string' },
  },
});

const device = await openDevice({
  adapter: values.adapter,
  onNotice: (line) => process.stderr.write(`${line}\n`),
});
const seconds = Number(values.seconds);
const [copy, multiplyAdd] = (await measure(device, [copyCeiling, multiplyAddCeiling], seconds)) as [
  Measurement,
  Measurement,
];
const cases = allCases.filter(({ name }) => name.includes(values.filter));
const rows = await measure(device, cases, seconds);

// A kernel cannot take less time than its arithmetic or its traffic would at the measured ceilings.
const ratio = (row: Measurement) => Math.max(row.gflops / multiplyAdd.gflops, row.gbytes / copy.gbytes);
console.log(
  `${device.adapter.name}: copy ${copy.gbytes.toFixed(1)} GB/s, multiply-add ${multiplyAdd.gflops.toFixed(1)} GFLOP/s\n`,
);
console.log('| case | ms | ± % | GFLOP/s | GB/s | of the ceiling |');
console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
for (const row of rows) {
  const cells = [
    row.name,
    row.ms.toFixed(3),
    row.spread.toFixed(1),
    row.gflops.toFixed(2),
    row.gbytes.toFixed(2),
    ratio(row).toFixed(2),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
if (values.save) {
  const folder = new URL('results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const report = {
    adapter: device.adapter,
    date: new Date().toISOString(),
    ceilings: [copy, multiplyAdd],
    rows,
  };
  writeFileSync(new URL(`${values.save}.json`, folder), `${JSON.stringify(report, null, 2)}\n`);
}
device.destroy();
