import type { Capabilities } from '../capabilities.ts';
import { KernelError } from '../errors.ts';
import type { Constants } from '../wgsl/index.ts';
import { type AnyKernel, unsupported } from '../wgsl/index.ts';
import type { Device } from './device.ts';

/** One way to compute a family's operation. */
export interface Variant<Shape> {
  readonly name: string;
  readonly kernel: AnyKernel;
  readonly constants: (shape: Shape) => Constants;
  /** Why the variant does not take this shape, or undefined. */
  readonly refuses?: (shape: Shape) => string | undefined;
  /** Whether it rounds operands to float16, which takes the device's leave. */
  readonly roundsToHalf?: boolean;
}

/** Several variants of one operation and the order in which to try them. */
export interface Family<Shape, V extends Variant<Shape> = Variant<Shape>> {
  readonly name: string;
  /** The first that the device supports and that takes the shape is used. */
  readonly variants: readonly V[];
  /** Reorders the variants for a device or shape; a pure function. */
  readonly prefer?: (variants: readonly V[], capabilities: Capabilities, shape: Shape) => readonly V[];
}

/** Why a variant cannot be used for a shape on a device, or undefined when it can. */
export function refusal<Shape>(
  variant: Variant<Shape>,
  capabilities: Capabilities,
  shape: Shape,
): string | undefined {
  if (variant.roundsToHalf && !capabilities.halfProducts) {
    return "rounds operands to float16; a device opened with float32MatmulPrecision: 'medium' allows it";
  }
  return variant.refuses?.(shape) ?? unsupported(variant.kernel, variant.constants(shape), capabilities);
}

/**
 * The variant for a shape: the forced one if the device names one, else the one that was tuned for the shape, else the
 * first that fits.
 * @throws KernelError `kernel-forced` when the forced variant does not exist or does not fit, `kernel-none` when none fits
 */
export function pick<Shape, V extends Variant<Shape>>(
  family: Family<Shape, V>,
  device: Device,
  shape: Shape,
): V {
  const { capabilities } = device;
  const forced = device.force.get(family.name);
  if (forced !== undefined) {
    const variant = family.variants.find(({ name }) => name === forced);
    const reason = variant ? refusal(variant, capabilities, shape) : `is not one of its variants`;
    if (!variant || reason) {
      const names = family.variants.map(({ name }) => name).join(', ');
      throw new KernelError(
        'kernel-forced',
        `${family.name}: the forced variant ${forced} ${reason} (shape ${JSON.stringify(shape)})`,
        `Variants of ${family.name}: ${names}. Remove the entry from \`force\` or LUA_WEBGPU_KERNEL.`,
      );
    }
    return variant;
  }
  const ordered = family.prefer?.(family.variants, capabilities, shape) ?? family.variants;
  if (device.chooser) {
    const legal = ordered.filter((variant) => refusal(variant, capabilities, shape) === undefined);
    const chosen = legal.length > 0 ? legal[device.chooser.choose(family.name, shape, legal)] : undefined;
    if (chosen) return chosen;
  }
  const tuned = device.tuned.variantFor(family.name, shape);
  if (tuned !== undefined) {
    const variant = family.variants.find(({ name }) => name === tuned);
    if (variant && refusal(variant, capabilities, shape) === undefined) return variant;
  }
  const reasons: string[] = [];
  for (const variant of ordered) {
    const reason = refusal(variant, capabilities, shape);
    if (!reason) return variant;
    reasons.push(`${variant.name} ${reason}`);
  }
  throw new KernelError(
    'kernel-none',
    `${family.name}: no variant takes ${JSON.stringify(shape)}: ${reasons.join('; ')}`,
    'Report the shape and the adapter.',
  );
}
