import type { GpuPass } from '@lua-webgpu/kernels';
import { writeFileAtomic } from '@lua-webgpu/tensor';

/** What a program did for a while, on the clock of `performance.now()`, milliseconds. */
export interface Phase {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** What the GPU did during a phase. Its clock is another: the first pass is taken to begin with the phase. */
export interface GpuWork {
  readonly begin: number;
  readonly passes: readonly GpuPass[];
}

/** Lines of the viewer. */
const [cpu, gpu] = [1, 2];

/**
 * A trace in the format of Chrome's trace viewer and Perfetto: the program's phases on one line, the GPU's passes on
 * another, times in microseconds.
 */
export function chromeTrace(phases: readonly Phase[], work: readonly GpuWork[]): object {
  const origin = Math.min(...phases.map(({ begin }) => begin), ...work.map(({ begin }) => begin));
  const event = (tid: number, name: string, begin: number, end: number, args: object) => ({
    name,
    ph: 'X',
    pid: 1,
    tid,
    ts: 1000 * (begin - origin),
    dur: 1000 * (end - begin),
    args,
  });
  const named = (tid: number, name: string) => ({
    name: 'thread_name',
    ph: 'M',
    pid: 1,
    tid,
    args: { name },
  });
  return {
    displayTimeUnit: 'ms',
    traceEvents: [
      named(cpu, 'program'),
      named(gpu, 'GPU'),
      ...phases.map(({ name, begin, end }) => event(cpu, name, begin, end, {})),
      ...work.flatMap(({ begin, passes }) => {
        const shift = begin - (passes[0]?.begin ?? 0);
        return passes.map((pass) => {
          const gflops = pass.flops / (pass.end - pass.begin) / 1e6;
          return event(gpu, pass.kernel, pass.begin + shift, pass.end + shift, { gflops });
        });
      }),
    ],
  };
}

export async function writeTrace(
  path: string,
  phases: readonly Phase[],
  work: readonly GpuWork[],
): Promise<void> {
  await writeFileAtomic(path, new TextEncoder().encode(JSON.stringify(chromeTrace(phases, work))));
}
