import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { adapterCases } from '../../support/adapters.ts';

const PROGRAM = fileURLToPath(new URL('./exit.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

interface Ending {
  readonly code: number | string | null | undefined;
  readonly signal: NodeJS.Signals | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function run(adapter: string, way: string): Promise<Ending> {
  const flags = ['--import', 'tsx', '--conditions=@lua-webgpu/source', '--expose-gc'];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...flags, PROGRAM, adapter, way],
      { cwd: ROOT, timeout: 60_000 },
      (error, stdout, stderr) => {
        resolve({ code: error ? error.code : 0, signal: error?.signal, stdout, stderr });
      },
    );
  });
}

describe.concurrent.each(await adapterCases())('on $label a process', ({ label, options }) => {
  const adapter = options.adapter ?? '';

  test.each([
    ['simply ends', 'end', 'computed 2\n'],
    ['destroys its device', 'destroy', 'computed 2\n'],
    ['leaves a read pending', 'pending', 'computed 2\n'],
    ['leaves a dispatch recorded', 'recorded', 'computed 2\n'],
    ['destroys its device while a read is pending', 'destroy while pending', 'computed 2\ndevice-lost\n'],
    ['calls process.exit', 'exit', 'computed 2\n'],
    ['has collected its garbage', 'collect', 'computed 2\n'],
  ])('that %s exits with 0', async (_name, way, stdout) => {
    const times = process.env.LUA_WEBGPU_TEST === 'full' ? 5 : 1;
    for (let i = 0; i < times; i++) {
      expect(await run(adapter, way), `${label}, run ${i}`).toMatchObject({ code: 0, stdout });
    }
  });

  test('that throws exits with 1 and its own error, not with an abort', async () => {
    const ending = await run(adapter, 'throw');
    expect(ending).toMatchObject({ code: 1, stdout: 'computed 2\n' });
    expect(ending.stderr).toContain('thrown on purpose');
  });
});
