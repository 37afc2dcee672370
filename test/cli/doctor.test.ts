import { openDevice } from '@lua-webgpu/kernels';
import { registry } from '@lua-webgpu/tensor';
import { expect, it } from 'vitest';
import { runSelfTest, selfTestCases } from '../../packages/cli/src/self-test/index.ts';
import { runCli } from './run.ts';

const cases = await selfTestCases();

it('the self-test has ten ops of the registry, and values of every one', () => {
  expect(cases).toHaveLength(10);
  expect(new Set(cases.map(({ op }) => op)).size).toBe(10);
  for (const { op, expected, shape, stride } of cases) {
    expect(registry.map(({ name }) => name)).toContain(op);
    expect(expected).toHaveLength(Math.ceil(shape.reduce((a, b) => a * b, 1) / stride));
    expect(expected.some((value) => value !== 0)).toBe(true);
  }
});

it('doctor tests the adapter and says why it is the one', async () => {
  const { code, stdout, stderr } = await runCli(['doctor', '--json']);
  expect(code, stdout + stderr).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.chosen).toMatchObject({ kind: 'software', origin: 'embedded' });
  expect(report.adapters).toContainEqual(report.chosen);
  expect(report.why).toBe('as LUA_WEBGPU_ADAPTER=swiftshader says');
  expect(report.features).toContain('core-features-and-limits');
  expect(report.limits.maxStorageBufferBindingSize).toBeGreaterThan(0);
  expect(report.passed).toBe(true);
  expect(report.selfTest.map(({ op }: { op: string }) => op)).toEqual(cases.map(({ op }) => op));
  for (const test of report.selfTest) expect(test).toMatchObject({ passed: true, ms: expect.any(Number) });
  expect(report.advice.join()).toMatch(/runs on the CPU|There is a faster adapter: --adapter '/);
});

it('doctor for people', async () => {
  const { code, stdout } = await runCli(['doctor', '--adapter', 'swiftshader']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^chosen: SwiftShader.*, as --adapter swiftshader says$/m);
  expect(stdout.match(/^ {2}pass {2}\w+ +[\d.]+ ms {2}error /gm)).toHaveLength(10);
});

it('an adapter that is not there ends with 4, and the list says which are', async () => {
  const { code, stdout, stderr } = await runCli(['doctor', '--json'], {
    env: { LUA_WEBGPU_ADAPTER: 'Voodoo2' },
  });
  expect(code).toBe(4);
  const report = JSON.parse(stdout);
  expect(report.error).toMatchObject({ code: 'adapter-unknown', fix: expect.any(String) });
  expect(report.adapters.length).toBeGreaterThan(0);
  expect(stderr).toContain('error [adapter-unknown]');
});

it('a wrong value, a NaN and an op that is refused all fail', async () => {
  const device = await openDevice({ adapter: 'swiftshader' });
  const [test] = cases;
  if (!test) throw new Error('no cases');
  expect(await runSelfTest(device, test)).toMatchObject({ passed: true });
  const [first = 0, ...rest] = test.expected;
  const moved = { ...test, expected: [...rest.map((value) => value), first] };
  expect(await runSelfTest(device, moved)).toMatchObject({ passed: false });
  const nan = { ...test, expected: [Number.NaN, ...rest] };
  expect(await runSelfTest(device, nan)).toMatchObject({ passed: false, error: null });
  const refused = { ...test, inputs: [[3, 4], [5, 6], null] };
  expect(await runSelfTest(device, refused)).toMatchObject({
    passed: false,
    reason: expect.stringContaining('shape-mismatch'),
  });
  device.destroy();
});
