import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Ended, runNode } from './child.ts';
import { type Outcome, reasonOf } from './outcome.ts';
import type { Plan } from './plan.ts';
import { root, shaderFolder } from './sources.ts';

/** How long each test file took without a mutation, in ms. */
export type FileTimes = Map<string, number>;

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** A test that reads every shader and runs none. */
const workgroups = ['test/kernels/compile-all.test.ts', '-t', 'has the workgroup that it declares'];

/** The test files behind paths of files and folders. */
export function testFilesOf({ testFiles }: Pick<Plan, 'testFiles'>): string[] {
  return testFiles.flatMap((path) => {
    if (!statSync(root + path).isDirectory()) return [path];
    const names = readdirSync(root + path, { recursive: true, encoding: 'utf8' });
    return names.filter((name) => name.endsWith('.test.ts')).map((name) => `${path}/${name}`);
  });
}

async function runVitest(
  tree: string,
  parameters: readonly string[],
  adapters: readonly string[],
  limit: number,
): Promise<{ ended: Ended; report: Report | undefined }> {
  const path = join(tree, 'tmp', 'report.json');
  rmSync(path, { force: true });
  const vitest = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--root',
    tree,
    '--reporter=json',
    '--outputFile',
    path,
  ];
  const ended = await runNode(
    tree,
    [...vitest, ...parameters],
    { LUA_WEBGPU_TEST_ADAPTERS: adapters.join(','), LUA_WEBGPU_TEST: '' },
    limit,
  );
  try {
    return { ended, report: JSON.parse(readFileSync(path, 'utf8')) as Report };
  } catch {
    return { ended, report: undefined };
  }
}

/** What failed first, by its name. */
function failureOf(report: Report | undefined): string | undefined {
  for (const { message, assertionResults } of report?.testResults ?? []) {
    const failed = assertionResults.find(({ status }) => status === 'failed');
    if (failed) return `${failed.fullName}: ${failed.failureMessages?.[0]?.split('\n')[0] ?? ''}`;
    if (message) return message.split('\n')[0];
  }
  return undefined;
}

/**
 * Runs test files on the unmutated tree.
 * @throws Error when one of them fails
 */
export async function measureFiles(
  tree: string,
  files: readonly string[],
  adapters: readonly string[],
  times: FileTimes,
): Promise<void> {
  const { ended, report } = await runVitest(tree, files, adapters, 1_800_000);
  if (ended.code !== 0 || !report) {
    throw new Error(`without a mutation: ${failureOf(report) ?? reasonOf(ended)}\n${ended.output}`);
  }
  for (const { name, startTime, endTime } of report.testResults) {
    times.set(name.slice(tree.length + 1), endTime - startTime);
  }
}

/** Runs a plan's test files on a mutated tree. */
export async function tryFiles(tree: string, file: string, plan: Plan, times: FileTimes): Promise<Outcome> {
  const files = testFilesOf(plan);
  const usual = files.reduce((sum, each) => sum + (times.get(each) ?? 0), 0);
  const runs = [
    ...(file.startsWith(shaderFolder) ? [workgroups] : []),
    ['--bail', '1', '--maxWorkers', '1', ...files],
  ];
  for (const parameters of runs) {
    const { ended, report } = await runVitest(tree, parameters, plan.adapters, 120_000 + 4 * usual);
    if (ended.code !== 0) return { kind: 'caught', why: failureOf(report) ?? reasonOf(ended) };
  }
  return { kind: 'survived' };
}
