import { requestPlatformAdapter } from '@lua-webgpu/kernels';

/**
 * Gives libraries that were written for browsers the adapter that `openDevice` would take, found by the same code: what
 * that does for the process, such as how Dawn waits in Node, the peers get as well.
 */
export async function defineNavigatorGpu(adapterName: string | undefined): Promise<void> {
  // An adapter is good for one device, so this one only tells early where there is none.
  await requestPlatformAdapter({ name: adapterName });
  const gpu = {
    requestAdapter: async () => (await requestPlatformAdapter({ name: adapterName })).adapter,
    getPreferredCanvasFormat: () => 'rgba8unorm',
    wgslLanguageFeatures: new Set<string>(),
  };
  // Node 20 has no navigator, later ones a read-only one.
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu, userAgent: 'Node', hardwareConcurrency: 1 },
    configurable: true,
  });
}

/**
 * Watches a library's device. WebGPU reports what is invalid as an event and goes on without the work: without this a
 * dispatch that did nothing would count as a fast one.
 * @returns throws the first report since it was last called
 */
export function invalidUses(device: GPUDevice): () => void {
  let first: string | undefined;
  device.addEventListener('uncapturederror', ({ error }) => {
    first ??= error.message;
  });
  return () => {
    const message = first;
    first = undefined;
    if (message !== undefined) throw new Error(message.split('\n')[0]);
  };
}
