import { parseArgs } from 'node:util';
import { openDevice } from '@lua-webgpu/kernels';
import { allCases } from './cases.ts';
import { copyCeiling, multiplyAddCeiling } from './ceiling/index.ts';
import { type Measurement, measure } from './measure.ts';
import { type Report, savedReport, saveReport, slowdowns, tableOf } from './report.ts';

const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    filter: { type: 'string', default: '' },
    seconds: { type: 'string', default: '1' },
    save: { type: 'string' },
    compare: { type: 'string' },
  },
});
const before = values.compare === undefined ? undefined : savedReport(values.compare);

using device = await openDevice({
  adapter: values.adapter,
  onNotice: (line) => process.stderr.write(`${line}\n`),
});
const seconds = Number(values.seconds);
const cases = allCases.filter(({ name }) => name.includes(values.filter));
const report: Report = {
  adapter: device.adapter,
  date: new Date().toISOString(),
  ceilings: (await measure(device, [copyCeiling, multiplyAddCeiling], seconds)) as [Measurement, Measurement],
  rows: await measure(device, cases, seconds),
};
console.log(tableOf(report));
if (values.save) saveReport(values.save, report);
if (before) {
  const slower = slowdowns(before, report);
  console.log(`\nmore than 10 % below its share of the ceiling in ${values.compare}: ${slower.length} cases`);
  for (const { name, before: was, now } of slower) {
    console.log(`  ${name}: ${was.toFixed(2)} before, ${now.toFixed(2)} now`);
  }
}
