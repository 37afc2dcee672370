import { type Limits, readCapabilities } from './capabilities.ts';
import { AdapterError, DeviceLostError } from './errors.ts';
import { checkForced, parseForced } from './forced.ts';
import { type MatmulPrecision, matmulPrecision } from './precision.ts';
import {
  type AdapterDescription,
  Device,
  type DeviceOptions,
  requestPlatformAdapter,
  storedPicks,
  type TunedPicks,
} from './runtime/index.ts';
import { subgroupMatrixFault } from './subgroup-matrix-trial.ts';

export interface OpenOptions {
  /** A name or part of one, or `swiftshader`, `lavapipe`, `hardware`, `software`. Default: LUA_WEBGPU_ADAPTER, else the best. */
  readonly adapter?: string | undefined;
  /** The caller's own device, used as it is and left alive by `destroy`. */
  readonly device?: GPUDevice;
  readonly powerPreference?: GPUPowerPreference;
  /** `compatibility` opens a device with the portable floor and nothing optional. */
  readonly featureLevel?: 'core' | 'compatibility';
  /** Lowered limits, to try how a weaker device behaves. */
  readonly limits?: Partial<Limits>;
  /** Free buffers kept for reuse, in bytes; 512 MiB. */
  readonly maxPooledBytes?: number;
  /** Allocation past this many bytes in use throws `out-of-memory`; no limit. */
  readonly budgetBytes?: number;
  /** Fills buffers with NaN bits when lent and when returned; for tests. */
  readonly poison?: boolean;
  /** Workgroups in a row above which a grid is folded into two dimensions; as many as a dimension holds. For tests. */
  readonly foldAt?: number;
  /** Whether products may round float32 operands to float16. Default: LUA_WEBGPU_MATMUL_PRECISION, else `highest`. */
  readonly float32MatmulPrecision?: MatmulPrecision;
  /**
   * Whether products that may be rounded to float16 may also go through Dawn's experimental subgroup matrices (tensor cores), where
   * the device has them and they pass a test as it is opened. Default: whether LUA_WEBGPU_SUBGROUP_MATRIX is 1.
   */
  readonly subgroupMatrix?: boolean;
  /** Kernel variants by family, `{ matmul: 'tiled' }`. Default: LUA_WEBGPU_KERNEL. */
  readonly force?: Readonly<Record<string, string>>;
  /**
   * Kernel variants by family and shape, as `tune` returns them; false for none. Default: what `lua-webgpu tune` stored for
   * the adapter, unless LUA_WEBGPU_TUNED is 0 or products may be rounded.
   */
  readonly tuned?: TunedPicks | false;
  /** Receives one line about the adapter in use. */
  readonly onNotice?: (line: string) => void;
  /**
   * Receives a line about tensors that were garbage-collected without being disposed; they are not freed. Default: with
   * LUA_WEBGPU_CHECK=1 `console.warn`, else nobody.
   */
  readonly onLeak?: (line: string) => void;
}

const optionalFeatures: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];
/** Unknown to the types. */
const experimentalFeatures = [
  'chromium-experimental-subgroup-matrix',
] as unknown as readonly GPUFeatureName[];

/**
 * Opens a GPU device.
 * @throws KernelError `kernel-forced` for a malformed LUA_WEBGPU_KERNEL, `kernel-unknown` for a name that does not exist,
 * `matmul-precision`
 * @throws AdapterError `adapter-none`, `adapter-unknown`, `adapter-no-webgpu`, `adapter-device`
 */
export async function openDevice(options: OpenOptions = {}): Promise<Device> {
  const checks = globalThis.process?.env?.LUA_WEBGPU_CHECK === '1';
  const portable = options.featureLevel === 'compatibility';
  const force = options.force ?? parseForced(globalThis.process?.env?.LUA_WEBGPU_KERNEL ?? '');
  const halfProducts = matmulPrecision(options.float32MatmulPrecision) === 'medium';
  checkForced(options.force ? 'force' : 'LUA_WEBGPU_KERNEL', force);
  const experimental =
    halfProducts &&
    (options.subgroupMatrix ?? globalThis.process?.env?.LUA_WEBGPU_SUBGROUP_MATRIX === '1') &&
    !portable;
  const { gpu, description } = await acquire(options, portable, experimental);
  const settings: DeviceOptions = {
    adapter: description,
    capabilities: readCapabilities(gpu, {
      software: description.kind === 'software',
      portable,
      halfProducts,
      subgroupMatrix: experimental,
      limits: options.limits,
    }),
    maxPooledBytes: options.maxPooledBytes ?? 512 * 2 ** 20,
    budgetBytes: options.budgetBytes ?? Number.POSITIVE_INFINITY,
    poison: options.poison ?? false,
    onLeak: options.onLeak ?? (checks ? (line) => console.warn(line) : undefined),
    foldAt: options.foldAt,
    force: new Map(Object.entries(force)),
    tuned: await tunedPicks(options, description, halfProducts),
    owned: options.device === undefined,
  };
  if (!settings.capabilities.subgroupMatrix) return new Device(gpu, settings);
  try {
    return await withTestedMatrices(gpu, settings, options.onNotice);
  } catch (error) {
    if (!settings.owned) throw error;
    gpu.destroy();
    if (error instanceof DeviceLostError) return await openDevice({ ...options, subgroupMatrix: false });
    throw error;
  }
}

/** The device; without subgroup matrices where what they compute is not what it should be. */
async function withTestedMatrices(
  gpu: GPUDevice,
  settings: DeviceOptions,
  onNotice: OpenOptions['onNotice'],
): Promise<Device> {
  const { capabilities, adapter } = settings;
  const force = new Map([['matmul', 'subgroup-matrix']]);
  const trial = new Device(gpu, { ...settings, force, owned: false });
  const fault = await subgroupMatrixFault(trial).finally(() => trial.destroy());
  if (fault === undefined) return new Device(gpu, settings);
  onNotice?.(
    `lua-webgpu: subgroup matrices do not pass their test on ${adapter.name} (${fault}); products do without.`,
  );
  return new Device(gpu, { ...settings, capabilities: { ...capabilities, subgroupMatrix: false } });
}

async function tunedPicks(
  { tuned }: OpenOptions,
  adapter: AdapterDescription,
  halfProducts: boolean,
): Promise<TunedPicks> {
  if (tuned !== undefined) return tuned || {};
  // What is stored was found among variants of float32, and would keep those of float16 out.
  if (halfProducts) return {};
  if (globalThis.process?.env?.LUA_WEBGPU_TUNED === '0') return {};
  return (await storedPicks(adapter)) ?? {};
}

async function acquire(
  options: OpenOptions,
  portable: boolean,
  experimental: boolean,
): Promise<{ gpu: GPUDevice; description: AdapterDescription }> {
  if (options.device) {
    const { adapterInfo: info } = options.device;
    const software = (info as { isFallbackAdapter?: boolean } | undefined)?.isFallbackAdapter === true;
    const description: AdapterDescription = {
      name: info?.description || info?.device || 'caller’s device',
      vendor: info?.vendor ?? '',
      architecture: info?.architecture ?? '',
      kind: software ? 'software' : 'hardware',
      origin: 'system',
    };
    return { gpu: options.device, description };
  }
  const { adapter, description, notice } = await requestPlatformAdapter({
    name: options.adapter,
    featureLevel: options.featureLevel,
    powerPreference: options.powerPreference,
    experimental,
  });
  options.onNotice?.(notice);
  const wanted = experimental ? [...optionalFeatures, ...experimentalFeatures] : optionalFeatures;
  try {
    const gpu = await adapter.requestDevice({
      label: 'lua-webgpu',
      requiredFeatures: portable ? [] : wanted.filter((feature) => adapter.features.has(feature)),
      requiredLimits: portable ? {} : maximumLimits(adapter),
    });
    return { gpu, description };
  } catch (cause) {
    throw new AdapterError(
      'adapter-device',
      `${description.name} gave no device: ${cause instanceof Error ? cause.message : String(cause)}`,
      'Try another adapter; `lua-webgpu doctor` lists them.',
      { cause },
    );
  }
}

function maximumLimits(adapter: GPUAdapter): Record<string, number> {
  const wanted: (keyof GPUSupportedLimits & string)[] = [
    'maxBufferSize',
    'maxStorageBufferBindingSize',
    'maxStorageBuffersPerShaderStage',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
    'maxComputeWorkgroupSizeY',
    'maxComputeWorkgroupSizeZ',
    'maxComputeWorkgroupsPerDimension',
  ];
  return Object.fromEntries(wanted.map((name) => [name, adapter.limits[name] as number]));
}
