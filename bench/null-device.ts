import { create, globals } from 'webgpu';

/** A device of Dawn's backend that checks and records and computes nothing. The instance has to live as long as it does. */
export async function nullDevice(): Promise<GPUDevice> {
  Object.assign(globalThis, globals);
  instance ??= create(['backend=null']);
  const adapter = await instance.requestAdapter();
  if (!adapter) throw new Error('this build of Dawn has no null backend');
  return await adapter.requestDevice();
}

let instance: GPU | undefined;
