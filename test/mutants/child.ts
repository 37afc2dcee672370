import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export interface Ended {
  /** Undefined where the process was ended for its time or by a signal. */
  readonly code: number | undefined;
  readonly timedOut: boolean;
  /** The last of stdout and stderr. */
  readonly output: string;
}

const keptCharacters = 20_000;
const running = new Set<ChildProcess>();

/** Ends the process and what it started. */
function end(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export function endAll(): void {
  for (const child of running) end(child);
}

/**
 * Runs Node in a tree, in a process group of its own.
 * @param onLine sees each line of stdout, and may give the process a new limit from now on, in ms
 */
export async function runNode(
  tree: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>>,
  limit: number,
  onLine: (line: string) => number | undefined = () => undefined,
): Promise<Ended> {
  const child = spawn(process.execPath, parameters, {
    cwd: tree,
    // Compiled files, which no other run will want, go with the tree.
    env: { ...process.env, ...environment, TMPDIR: join(tree, 'tmp') },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let timedOut = false;
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  const allow = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timedOut = true;
      end(child);
    }, ms);
  };
  allow(limit);
  let unfinished = '';
  const read = (text: string) => {
    output = (output + text).slice(-keptCharacters);
  };
  child.stderr.setEncoding('utf8').on('data', read);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    read(text);
    const lines = (unfinished + text).split('\n');
    unfinished = lines.pop() ?? '';
    for (const line of lines) {
      const next = onLine(line);
      if (next !== undefined) allow(next);
    }
  });
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) =>
        resolve({ code: timedOut ? undefined : (code ?? undefined), timedOut, output }),
      );
    });
  } finally {
    clearTimeout(timer);
    running.delete(child);
    end(child);
  }
}
