import { type AdapterDescription, type Device, LuaWebGpuError, listAdapters } from '@lua-webgpu/kernels';
import { type CommandSpec, commonOptions, type Parsed } from '../arguments.ts';
import type { Command, CommandContext } from '../command.ts';
import { exact, withDevice } from '../device.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { shared } from '../options.ts';
import { runSelfTest, type SelfTestResult, selfTestCases } from '../self-test/index.ts';

const spec = {
  name: 'doctor',
  summary: 'list the GPU adapters, say which one is used and why, and test it',
  positionals: [],
  options: { adapter: shared.adapter, ...commonOptions },
  details:
    'Runs ten kernels on small fixed inputs and compares them with values that PyTorch computed. Ends with 1 when one of them fails, with 4 when there is no adapter.',
} satisfies CommandSpec;

async function run(parsed: Parsed, context: CommandContext): Promise<number> {
  const { output } = context;
  const wanted = parsed.text('adapter');
  const adapters = await listAdapters();
  output.print(adapters.length === 0 ? 'no adapters' : 'adapters');
  for (const { name, kind, origin, vendor } of adapters) {
    output.print(`  ${name} (${[kind, origin, vendor].filter((text) => text !== '').join(', ')})`);
  }
  try {
    return await withDevice(wanted, context, (device) => examine(device, adapters, wanted, context), exact);
  } catch (error) {
    if (!(error instanceof LuaWebGpuError) || exitCodeOf(error) !== 4) throw error;
    output.failure(error, { adapters, chosen: null });
    return 4;
  }
}

async function examine(
  device: Device,
  adapters: readonly AdapterDescription[],
  wanted: string | undefined,
  { output }: CommandContext,
): Promise<number> {
  const { adapter, capabilities } = device;
  const why = reasonFor(adapter, wanted);
  const features = [...device.gpu.features].map(String).sort();
  const { limits, subgroupSize, f16, immediateBytes } = capabilities;
  output.print(`chosen: ${adapter.name}, ${why}`);
  output.print(`features: ${features.join(', ') || 'none'}`);
  output.print(
    `used by the kernels: subgroups ${subgroupSize === undefined ? 'no' : `of ${subgroupSize}`}, f16 ${f16 ? 'yes' : 'no'}, immediates ${immediateBytes} bytes`,
  );
  output.print('limits');
  for (const [name, value] of Object.entries(limits)) output.print(`  ${name}: ${value}`);
  output.print('self-test');
  const tests: SelfTestResult[] = [];
  for (const test of await selfTestCases()) {
    const result = await runSelfTest(device, test);
    tests.push(result);
    output.print(`  ${line(result)}`);
  }
  const failed = tests.filter(({ passed }) => !passed);
  const advice = adviceFor(adapter, adapters, failed.length);
  for (const sentence of advice) output.print(sentence);
  output.result({
    adapters,
    chosen: adapter,
    why,
    features,
    capabilities: { subgroupSize: subgroupSize ?? null, f16, immediateBytes },
    limits,
    selfTest: tests,
    passed: failed.length === 0,
    advice,
  });
  return failed.length === 0 ? 0 : 1;
}

function reasonFor({ kind, origin }: AdapterDescription, wanted: string | undefined): string {
  if (wanted !== undefined) return `as --adapter ${wanted} says`;
  const named = process.env.LUA_WEBGPU_ADAPTER?.trim();
  if (named) return `as LUA_WEBGPU_ADAPTER=${named} says`;
  if (kind === 'hardware') return 'the first hardware adapter';
  return origin === 'embedded'
    ? 'the embedded software adapter, because no other was usable'
    : "the system's software adapter, because there is no hardware one";
}

function line({ op, passed, ms, error, tolerance, reason }: SelfTestResult): string {
  const start = `${passed ? 'pass' : 'FAIL'}  ${op.padEnd(16)} ${ms.toFixed(1).padStart(7)} ms`;
  if (reason !== undefined) return `${start}  ${reason}`;
  const found = error === null ? 'not finite' : error.toExponential(1);
  return `${start}  error ${found}, allowed ${tolerance.toExponential(1)}`;
}

function adviceFor(
  { name, kind }: AdapterDescription,
  all: readonly AdapterDescription[],
  failed: number,
): string[] {
  const advice: string[] = [];
  if (failed > 0) {
    const others = all.filter((each) => each.name !== name).map((each) => `'${each.name}'`);
    const instead = others.length > 0 ? `, or use --adapter with one of ${others.join(', ')}` : '';
    advice.push(
      `${failed} of the kernels give wrong results on ${name}: do not trust it. Update its driver${instead}; if that does not help, report the output of lua-webgpu doctor --json.`,
    );
  }
  if (kind === 'software') {
    const better =
      all.find((each) => each.kind === 'hardware') ?? all.find((each) => each.origin === 'system');
    advice.push(
      better && better.name !== name
        ? `There is a faster adapter: --adapter '${better.name}'.`
        : 'No GPU was found, so everything runs on the CPU. If this machine has one, install its driver (on Linux, its Vulkan driver), and in a container make sure that it is passed through.',
    );
  }
  return advice;
}

export const doctor: Command = { spec, run };
