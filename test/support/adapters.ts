import { type Device, listAdapters, type OpenOptions, openDevice } from '@lua-webgpu/kernels';

/** One configuration that the GPU tests run on. */
export interface AdapterCase {
  readonly label: string;
  readonly options: OpenOptions;
}

const full = process.env.LUA_WEBGPU_TEST === 'full';

/**
 * SwiftShader alone in `npm test`; in `npm run test:full` also lavapipe where it is installed and a compatibility
 * device with the portable limits. LUA_WEBGPU_TEST_ADAPTERS=lavapipe,compatibility picks by label.
 */
export async function adapterCases(): Promise<AdapterCase[]> {
  const listed = await listAdapters();
  const cases: AdapterCase[] = [{ label: 'swiftshader', options: { adapter: 'swiftshader' } }];
  if (listed.some(({ name }) => /llvmpipe/i.test(name))) {
    cases.push({ label: 'lavapipe', options: { adapter: 'lavapipe' } });
  } else {
    console.warn('not run, lavapipe is not installed: every test on lavapipe');
  }
  cases.push({ label: 'compatibility', options: { adapter: 'swiftshader', featureLevel: 'compatibility' } });
  const wanted = process.env.LUA_WEBGPU_TEST_ADAPTERS?.split(',') ?? (full ? undefined : ['swiftshader']);
  return wanted ? cases.filter(({ label }) => wanted.includes(label)) : cases;
}

/** The default device of a set stays open; the others make room for new ones. */
const maxOpen = 8;

/** Opens devices of one configuration and destroys them all in `close`. */
export class DeviceSet {
  readonly #adapter: AdapterCase;
  readonly #devices = new Map<string, Device>();

  constructor(adapter: AdapterCase) {
    this.#adapter = adapter;
  }

  /** One device per distinct set of options; unless these say otherwise, buffers are poisoned and grids folded. */
  async open(options: OpenOptions = {}): Promise<Device> {
    const key = JSON.stringify(options);
    let device = this.#devices.get(key);
    if (!device) {
      this.#makeRoom();
      device = await openDevice({ poison: true, foldAt: 2, ...this.#adapter.options, ...options });
      this.#devices.set(key, device);
    }
    return device;
  }

  /** Software drivers give every device threads of its own, and a process that holds a hundred devices is ended. */
  #makeRoom(): void {
    for (const [key, device] of this.#devices) {
      if (this.#devices.size < maxOpen) return;
      if (key === '{}') continue;
      device.destroy();
      this.#devices.delete(key);
    }
  }

  close(): void {
    for (const device of this.#devices.values()) device.destroy();
    this.#devices.clear();
  }
}
