import type { Capabilities } from '../capabilities.ts';
import { KernelError } from '../errors.ts';
import type { Grid, GridSpec } from './grid.ts';
import type { Constants } from './preprocess.ts';

export type ParamType = 'u32' | 'i32' | 'f32';

/** A storage buffer of a kernel. `when` names the boolean constant without which the binding does not exist. */
export interface Binding {
  readonly access: 'read' | 'read_write';
  readonly element: string;
  readonly when?: string;
}

/** Floating-point operations (a multiply-add is two) and bytes that have to move at least once. */
export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

export type Params<P extends Record<string, ParamType>> = { readonly [K in keyof P]: number };

/** The constant that `defineKernel` adds to kernels with the `subgroups` feature. */
export const subgroupSizeConstant = 'SUBGROUP_SIZE';

export interface KernelSpec<B extends Record<string, Binding>, P extends Record<string, ParamType>> {
  /** `family/variant`, also the name of the file. */
  readonly name: string;
  readonly source: string;
  /** Whole WGSL files put in front of the source, by name. */
  readonly libraries?: Readonly<Record<string, string>>;
  /** Every value that each constant can take; booleans may also be used in `#if ${NAME}`. Integers become u32. */
  readonly constants?: Readonly<Record<string, readonly (boolean | number)[]>>;
  readonly features?: readonly ('subgroups' | 'shader-f16' | 'chromium-experimental-subgroup-matrix')[];
  /** The one size of subgroups that the kernel, with the `subgroups` feature, is written for. */
  readonly subgroupSize?: number;
  readonly bindings: B;
  readonly params: P;
  /** Params, u32, that a replay of captured work may set anew. */
  readonly replayParams?: readonly (keyof P & string)[];
  /** Workgroup size; emitted as WORKGROUP_X, WORKGROUP_Y, WORKGROUP_Z. */
  readonly workgroup: (constants: Constants) => Grid;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes?: (constants: Constants) => number;
  readonly grid: (params: Params<P>, constants: Constants) => GridSpec;
  /** What the params have to satisfy; the sentence says which precondition is broken. */
  readonly check?: (params: Params<P>, constants: Constants) => string | undefined;
  readonly cost: (params: Params<P>, constants: Constants) => Cost;
}

export interface Kernel<
  B extends Record<string, Binding> = Record<string, Binding>,
  P extends Record<string, ParamType> = Record<string, ParamType>,
> extends KernelSpec<B, P> {
  readonly constantNames: readonly string[];
  readonly paramNames: readonly (keyof P & string)[];
}

/** A kernel of any shape, for lists. */
// biome-ignore lint/suspicious/noExplicitAny: grid, check and cost are contravariant in the params, so no narrower type holds every kernel
export type AnyKernel = Kernel<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
type AnySpec = KernelSpec<any, any>;

export const read = (element: string, when?: string): Binding =>
  when === undefined ? { access: 'read', element } : { access: 'read', element, when };
export const write = (element: string, when?: string): Binding =>
  when === undefined ? { access: 'read_write', element } : { access: 'read_write', element, when };

/** Bytes that the params of a kernel may take: a slot of the uniform ring. */
export const maxParamBytes = 256;

/**
 * Declares a kernel. Nothing touches a device until the kernel is dispatched.
 * @throws KernelError `kernel-declaration` for a declaration that contradicts itself
 */
export function defineKernel<
  const B extends Record<string, Binding>,
  const P extends Record<string, ParamType>,
>(spec: KernelSpec<B, P>): Kernel<B, P> {
  const problem = contradiction(spec);
  if (problem) {
    throw new KernelError(
      'kernel-declaration',
      `${spec.name} ${problem}`,
      'Correct the call of defineKernel.',
    );
  }
  return {
    ...spec,
    constantNames: Object.keys(spec.constants ?? {}).sort(),
    paramNames: Object.keys(spec.params),
  };
}

function contradiction(spec: AnySpec): string | undefined {
  const constants = Object.entries(spec.constants ?? {});
  for (const [name, values] of constants) {
    const sound = values.every(
      (value) => typeof value === 'boolean' || (Number.isInteger(value) && value >= 0 && value < 2 ** 32),
    );
    if (!sound || values.length === 0) return `gives ${name} values that are neither booleans nor u32`;
  }
  for (const [name, { when }] of Object.entries<Binding>(spec.bindings)) {
    const values = when === undefined ? [] : (spec.constants?.[when] ?? ['missing']);
    if (!values.every((value) => typeof value === 'boolean')) {
      return `has the binding ${name} when ${when}, which is no boolean constant`;
    }
  }
  const bytes = 4 * Object.keys(spec.params).length;
  if (bytes > maxParamBytes) return `has ${bytes} bytes of params; there is room for ${maxParamBytes}`;
  const names = [...constants.map(([name]) => name), ...Object.keys(spec.bindings)];
  const reserved = ['params', 'Params', 'WORKGROUP_X', 'WORKGROUP_Y', 'WORKGROUP_Z', subgroupSizeConstant];
  const taken = [...names, ...reserved].find((name, index, all) => all.indexOf(name) !== index);
  return taken && `uses the name ${taken} twice`;
}

/**
 * Checks the constants of a dispatch against the declaration and adds the subgroup size.
 * @throws KernelError `kernel-constant`
 */
export function resolveConstants(kernel: AnyKernel, given: Constants, capabilities: Capabilities): Constants {
  const declared: Readonly<Record<string, readonly (boolean | number)[]>> = kernel.constants ?? {};
  for (const name of Object.keys(given)) {
    if (!(name in declared)) throw constantError(kernel, `has no constant ${name}`);
  }
  for (const name of kernel.constantNames) {
    const value = given[name];
    if (value === undefined) throw constantError(kernel, `needs the constant ${name}`);
    if (!declared[name]?.includes(value as boolean | number)) {
      throw constantError(
        kernel,
        `does not declare ${name} = ${value} (declared: ${declared[name]?.join(', ')})`,
      );
    }
  }
  const usesSubgroups = kernel.features?.includes('subgroups') === true;
  return usesSubgroups && capabilities.subgroupSize !== undefined
    ? { ...given, [subgroupSizeConstant]: capabilities.subgroupSize }
    : given;
}

function constantError(kernel: AnyKernel, what: string): KernelError {
  return new KernelError(
    'kernel-constant',
    `${kernel.name} ${what}`,
    'Pass exactly the constants that the kernel declares.',
  );
}

/** Why a device cannot run the kernel with these constants, or undefined when it can. */
export function unsupported(
  kernel: AnyKernel,
  constants: Constants,
  capabilities: Capabilities,
): string | undefined {
  if (kernel.features?.includes('subgroups') && capabilities.subgroupSize === undefined) {
    return 'needs subgroups of one fixed size';
  }
  if (kernel.subgroupSize !== undefined && kernel.subgroupSize !== capabilities.subgroupSize) {
    return `needs subgroups of ${kernel.subgroupSize}, the device has ${capabilities.subgroupSize}`;
  }
  if (kernel.features?.includes('shader-f16') && !capabilities.f16) return 'needs shader-f16';
  if (kernel.features?.includes('chromium-experimental-subgroup-matrix') && !capabilities.subgroupMatrix) {
    return 'needs subgroup matrices, which openDevice({ subgroupMatrix: true }) asks for';
  }
  const { limits } = capabilities;
  const buffers = activeBindings(kernel, constants).length;
  if (buffers > limits.maxStorageBuffersPerShaderStage) {
    return `needs ${buffers} storage buffers, the device has ${limits.maxStorageBuffersPerShaderStage}`;
  }
  const [x, y, z] = kernel.workgroup(constants);
  if (x * y * z > limits.maxComputeInvocationsPerWorkgroup) {
    return `needs ${x * y * z} invocations in a workgroup, the device has ${limits.maxComputeInvocationsPerWorkgroup}`;
  }
  if (
    x > limits.maxComputeWorkgroupSizeX ||
    y > limits.maxComputeWorkgroupSizeY ||
    z > limits.maxComputeWorkgroupSizeZ
  ) {
    return `needs a workgroup of ${x}×${y}×${z}`;
  }
  const bytes = kernel.workgroupBytes?.(constants) ?? 0;
  if (bytes > limits.maxComputeWorkgroupStorageSize) {
    return `needs ${bytes} bytes of workgroup memory, the device has ${limits.maxComputeWorkgroupStorageSize}`;
  }
  return undefined;
}

/** The bindings that exist under these constants, in the order of their numbers. */
export function activeBindings(kernel: AnyKernel, constants: Constants): [string, Binding][] {
  const all = Object.entries(kernel.bindings as Record<string, Binding>);
  return all.filter(([, binding]) => binding.when === undefined || constants[binding.when] === true);
}

/** Every combination of the declared constants, for the compile-all test. */
export function constantCombinations(kernel: AnyKernel): Constants[] {
  let combinations: Constants[] = [{}];
  for (const [name, values] of Object.entries(
    (kernel.constants ?? {}) as Record<string, (boolean | number)[]>,
  )) {
    combinations = combinations.flatMap((base) => values.map((value) => ({ ...base, [name]: value })));
  }
  return combinations;
}
