import type { Device } from '@lua-webgpu/kernels';
import benny from 'benny';
import type { BenchCase } from './case.ts';

/** One row of a report. */
export interface Measurement {
  readonly name: string;
  /** Median and relative spread (in percent) of the wall time of one run, GPU drained, in ms. */
  readonly ms: number;
  readonly spread: number;
  readonly gflops: number;
  readonly gbytes: number;
}

/** Runs the cases one by one; every sample records once and waits for the GPU. */
export async function measure(
  device: Device,
  cases: readonly BenchCase[],
  minSeconds: number,
): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const entry of cases) {
    const prepared = await entry.setup(device);
    // Some drivers compile at the first dispatch.
    prepared.run();
    await device.synchronize();
    const summary = await benny.suite(
      entry.name,
      benny.add(
        entry.name,
        async () => {
          prepared.run();
          await device.synchronize();
        },
        { minSamples: 5, maxTime: minSeconds },
      ),
    );
    prepared.dispose();
    const details = summary.results[0]?.details;
    const seconds = details?.median ?? Number.NaN;
    rows.push({
      name: entry.name,
      ms: seconds * 1e3,
      spread: details?.relativeMarginOfError ?? Number.NaN,
      gflops: prepared.flops / seconds / 1e9,
      gbytes: prepared.bytes / seconds / 1e9,
    });
    const row = rows.at(-1) as Measurement;
    process.stderr.write(`${row.name}: ${row.ms.toFixed(3)} ms\n`);
  }
  return rows;
}
