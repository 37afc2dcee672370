import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { encodeSafetensors, type FloatFileDtype, fromFloat32 } from '@lua-webgpu/tensor';
import { runCommandLine } from 'lua-webgpu';
import { afterAll } from 'vitest';
import { seededValues } from '../support/compare.ts';

export interface Outcome {
  /** Exit code; null when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which it is killed; below the test's own limit, so that no process outlives it. */
  readonly timeout?: number;
  /** Called with the running process, to send it signals. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs the command as a process of its own, on SwiftShader unless told otherwise. */
export function runCli(
  args: readonly string[],
  { env = {}, timeout = 100_000, onStart }: CliOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const command = ['--import', 'tsx', '--conditions=@lua-webgpu/source', MAIN, ...args];
    const child = spawn(process.execPath, command, {
      cwd: ROOT,
      env: { ...process.env, LUA_WEBGPU_ADAPTER: 'swiftshader', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
    });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        text[name] += chunk;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...text }));
    onStart?.(child);
  });
}

/** Runs the command inside this process: quicker, for what does not depend on processes. */
export async function runHere(args: readonly string[], { terminal = false } = {}): Promise<Outcome> {
  const text = { stdout: '', stderr: '' };
  const into = (name: keyof typeof text) =>
    new Writable({
      write(chunk, _encoding, done) {
        text[name] += String(chunk);
        done();
      },
    });
  const stderr = Object.assign(into('stderr'), { isTTY: terminal });
  const code = await runCommandLine(args, { stdout: into('stdout'), stderr });
  return { code, ...text };
}

/** A folder that is gone after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lua-webgpu-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface LatentOptions {
  readonly name?: string;
  readonly dtype?: FloatFileDtype;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly values?: Float32Array;
}

/** Writes a file with one seeded tensor and returns its path. */
export function writeLatent(path: string, shape: readonly number[], options: LatentOptions = {}): string {
  const { name = 'latent', dtype = 'F32', metadata = {} } = options;
  const count = shape.reduce((a, b) => a * b, 1);
  const values = options.values ?? Float32Array.from(seededValues(1, count));
  const tensors = new Map([[name, fromFloat32(values, shape, dtype)]]);
  writeFileSync(path, encodeSafetensors(tensors, new Map(Object.entries(metadata))));
  return path;
}
