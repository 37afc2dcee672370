import { expect, it } from 'vitest';
import { runCli } from './run.ts';

/** A name that openDevice refuses, so that a command shows whether it heeds the variable. */
const env = { LUA_WEBGPU_MATMUL_PRECISION: 'bf16' };

it('a command heeds LUA_WEBGPU_MATMUL_PRECISION, and a wrong one is a wrong command line', async () => {
  const { code, stderr } = await runCli(['demo'], { env });
  expect(stderr).toMatch(/^error \[matmul-precision\]: LUA_WEBGPU_MATMUL_PRECISION is "bf16"$/m);
  expect(code).toBe(2);
});

it('doctor, whose tests are of float32, does not', async () => {
  const { code, stdout, stderr } = await runCli(['doctor'], { env });
  expect(code, stdout + stderr).toBe(0);
});
