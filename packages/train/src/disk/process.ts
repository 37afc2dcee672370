import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process this is: its number alone may belong to another one tomorrow. */
export interface ProcessRecord {
  readonly pid: number;
  /** When it began, as `<boot>:<ticks>`; null where the system does not tell (there a number that is in use again counts as alive). */
  readonly started: string | null;
  readonly host: string;
  /** The namespace that `pid` counts in, for containers; null where there are none. */
  readonly namespace: string | null;
}

export function thisProcess(): ProcessRecord {
  return {
    pid: process.pid,
    started: startOf(process.pid) ?? null,
    host: hostname(),
    namespace: orUndefined(() => readlinkSync('/proc/self/ns/pid')) ?? null,
  };
}

/** `elsewhere`: of another machine or container, which cannot be looked into from here. */
export function standingOf(record: ProcessRecord): 'alive' | 'dead' | 'elsewhere' {
  const here = thisProcess();
  if (record.host !== here.host || record.namespace !== here.namespace) return 'elsewhere';
  if (here.started === null || record.started === null) return answers(record.pid) ? 'alive' : 'dead';
  return startOf(record.pid) === record.started ? 'alive' : 'dead';
}

/** Undefined for a process that is not there, or has ended and waits for its parent to notice. */
function startOf(pid: number): string | undefined {
  const stat = orUndefined(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const boot = orUndefined(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  // The name in parentheses may hold anything, parentheses too; state is field 3, start time field 22.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields?.[0], fields?.[19]];
  if (boot === undefined || ticks === undefined || state === 'Z' || state === 'X') return undefined;
  return `${boot}:${ticks}`;
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
