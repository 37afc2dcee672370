/**
 * Asks for an adapter in a process of its own, whose environment the test chooses, runs a dispatch on it and
 * prints what came of it as one line of JSON. With `--worker` all of it happens in a worker thread.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { LuaWebGpuError } from '../../../packages/kernels/src/runtime/errors.ts';
import { requestPlatformAdapter } from '../../../packages/kernels/src/runtime/platform/node.ts';
import type {
  AdapterDescription,
  AdapterRequest,
} from '../../../packages/kernels/src/runtime/platform/types.ts';
import { answerOf } from './dispatch.ts';

export interface ProbeResult {
  description?: AdapterDescription;
  notice?: string;
  answer?: number;
  code?: string;
  message?: string;
  fix?: string;
  /** What the process's own environment has to say of drivers afterwards. */
  driverFiles?: string | undefined;
}

async function probe(request: AdapterRequest): Promise<ProbeResult> {
  try {
    const { adapter, description, notice } = await requestPlatformAdapter(request);
    const answer = await answerOf(adapter);
    return { description, notice, answer, driverFiles: process.env.VK_DRIVER_FILES };
  } catch (error) {
    if (!(error instanceof LuaWebGpuError)) throw error;
    return { code: error.code, message: error.message, fix: error.fix };
  }
}

const argument: AdapterRequest = JSON.parse(process.argv[2] ?? '{}');
if (isMainThread && process.argv.includes('--worker')) {
  // A worker does not inherit tsx's loader, so it registers its own before it comes back to this file.
  const start = `import('tsx/esm/api').then(({ register }) => {
    register();
    return import(${JSON.stringify(import.meta.url)});
  });`;
  const worker = new Worker(start, { eval: true, argv: [JSON.stringify(argument)] });
  worker.once('message', (result: ProbeResult) => console.log(JSON.stringify(result)));
  worker.once('error', (error) => {
    throw error;
  });
} else {
  const result = await probe(argument);
  if (parentPort === null) console.log(JSON.stringify(result));
  else parentPort.postMessage(result);
}
