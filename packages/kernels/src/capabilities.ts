/**
 * What a device can do, as plain data: the input of every choice between kernel variants.
 */
export interface Capabilities {
  /** Lanes of a subgroup where the adapter promises one size, else undefined. */
  readonly subgroupSize: number | undefined;
  readonly f16: boolean;
  /** Whether products may round their operands to float16, which the opener of a device allows; sums are float32 always. */
  readonly halfProducts: boolean;
  /** Whether products may go through subgroup matrices: 16 × 16 × 16 of float16, summed in float32. */
  readonly subgroupMatrix: boolean;
  /** Bytes of immediates that a kernel may use; 0 where the device has none. */
  readonly immediateBytes: number;
  readonly software: boolean;
  readonly limits: Limits;
}

/** The limits that kernels and the pool look at, in WebGPU's names. */
export interface Limits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupSizeY: number;
  readonly maxComputeWorkgroupSizeZ: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly minStorageBufferOffsetAlignment: number;
  readonly minUniformBufferOffsetAlignment: number;
}

const limitNames: readonly (keyof Limits)[] = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
  'minStorageBufferOffsetAlignment',
  'minUniformBufferOffsetAlignment',
];

/** Reads the capabilities of an open device. `portable` ignores everything optional, as on the weakest device. */
export function readCapabilities(
  device: GPUDevice,
  options: {
    software: boolean;
    portable: boolean;
    halfProducts: boolean;
    subgroupMatrix: boolean;
    limits?: Partial<Limits> | undefined;
  },
): Capabilities {
  const { software, portable, halfProducts, subgroupMatrix } = options;
  const info = device.adapterInfo;
  const hasSubgroups = !portable && device.features.has('subgroups');
  const fixedSize = info !== undefined && info.subgroupMinSize === info.subgroupMaxSize;
  const subgroupSize = hasSubgroups && fixedSize ? info.subgroupMaxSize : undefined;
  const f16 = !portable && device.features.has('shader-f16');
  const reported = device.limits as unknown as Record<string, number>;
  const limits = Object.fromEntries(
    limitNames.map((name) => [name, reported[name] ?? 0]),
  ) as unknown as Limits;
  return {
    subgroupSize,
    f16,
    halfProducts,
    subgroupMatrix: subgroupMatrix && !portable && f16 && subgroupSize === 32 && hasSubgroupMatrix(device),
    immediateBytes: portable ? 0 : (reported.maxImmediateSize ?? 0),
    software,
    limits: lowered(limits, options.limits ?? {}),
  };
}

/** Dawn's experimental extension; the types do not know it. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function hasSubgroupMatrix({ features, adapterInfo }: GPUDevice): boolean {
  if (!features.has('chromium-experimental-subgroup-matrix')) return false;
  const { subgroupMatrixConfigs = [] } = adapterInfo as {
    readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>;
  };
  return [...subgroupMatrixConfigs].some(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === 'f16' && resultComponentType === 'f32' && M === 16 && N === 16 && K === 16,
  );
}

/** Weaker limits take the place of the device's; stronger ones it could not keep. */
function lowered(limits: Limits, wanted: Partial<Limits>): Limits {
  const weaker = (name: keyof Limits) =>
    name.startsWith('min')
      ? Math.max(limits[name], wanted[name] ?? 0)
      : Math.min(limits[name], wanted[name] ?? Infinity);
  return Object.fromEntries(limitNames.map((name) => [name, weaker(name)])) as unknown as Limits;
}
