import {
  bandRange,
  type Device,
  type Family,
  type GpuBuffer,
  pick,
  rowBands,
  type Variant,
} from '../runtime/index.ts';
import { shaders } from '../shaders.generated.ts';
import {
  type AnyKernel,
  type Constants,
  defineKernel,
  foldGrid,
  type Grid,
  read,
  write,
} from '../wgsl/index.ts';

/** `rows` rows of `length` values. */
export interface SoftmaxShape {
  readonly rows: number;
  readonly length: number;
}

const common = {
  libraries: { 'softmax/element.wgsl': shaders['softmax/element.wgsl'] },
  constants: { VECTOR: [false, true] },
  params: { rows: 'u32', length: 'u32' },
  workgroup: (): Grid => [64, 1, 1],
} as const;
const forward = { ...common, bindings: { x: read('Element'), out: write('Element') } } as const;
const backward = {
  ...common,
  bindings: { y: read('Element'), gradient: read('Element'), out: write('Element') },
} as const;
const perRow = { grid: ({ rows }: SoftmaxShape) => foldGrid(rows) };
const perInvocation = { grid: ({ rows }: SoftmaxShape) => foldGrid(Math.ceil(rows / 64)) };
const cost =
  (flops: number, bytes: number) =>
  ({ rows, length }: SoftmaxShape, { VECTOR }: Constants) => {
    const elements = rows * length * (VECTOR === true ? 4 : 1);
    return { flops: flops * elements, bytes: bytes * elements };
  };

export const softmaxSerial = defineKernel({
  ...forward,
  ...perInvocation,
  name: 'softmax/serial',
  source: shaders['softmax/serial.wgsl'],
  cost: cost(5, 8),
});

export const softmaxWorkgroup = defineKernel({
  ...forward,
  ...perRow,
  name: 'softmax/workgroup',
  source: shaders['softmax/workgroup.wgsl'],
  cost: cost(5, 8),
});

export const softmaxGradientSerial = defineKernel({
  ...backward,
  ...perInvocation,
  name: 'softmax/gradient-serial',
  source: shaders['softmax/gradient-serial.wgsl'],
  cost: cost(4, 12),
});

export const softmaxGradientWorkgroup = defineKernel({
  ...backward,
  ...perRow,
  name: 'softmax/gradient-workgroup',
  source: shaders['softmax/gradient-workgroup.wgsl'],
  cost: cost(4, 12),
});

/** From here on a row is worth a workgroup. */
const longRow = 128;

type SoftmaxVariant = Variant<SoftmaxShape> & { readonly width: 1 | 4; readonly long: boolean };

const variantsOf = (name: string, kernel: AnyKernel, long: boolean): SoftmaxVariant[] => [
  {
    name: `${name}-vector`,
    kernel,
    constants: () => ({ VECTOR: true }),
    refuses: ({ length }) => (length % 4 === 0 ? undefined : 'takes row lengths in multiples of 4'),
    width: 4,
    long,
  },
  { name, kernel, constants: () => ({ VECTOR: false }), width: 1, long },
];

const family = (
  name: string,
  serial: AnyKernel,
  workgroup: AnyKernel,
): Family<SoftmaxShape, SoftmaxVariant> => ({
  name,
  variants: [...variantsOf('serial', serial, false), ...variantsOf('workgroup', workgroup, true)],
  prefer(variants, { software }, { length }) {
    const long = !software && length >= longRow;
    return variants.toSorted((a, b) => Number(b.long === long) - Number(a.long === long));
  },
});

export const softmaxFamily = family('softmax', softmaxSerial, softmaxWorkgroup);
export const softmaxGradientFamily = family(
  'softmax-gradient',
  softmaxGradientSerial,
  softmaxGradientWorkgroup,
);

/**
 * Records out[r, i] = exp(x[r, i]) / Σⱼ exp(x[r, j]), in bands of rows where x exceeds one binding.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 rows exceed a binding
 */
export function softmax(
  device: Device,
  buffers: { x: GpuBuffer; out: GpuBuffer },
  shape: SoftmaxShape,
): void {
  record('softmax', device, softmaxFamily, { ...buffers }, shape);
}

/**
 * Records out = y · (gradient − Σ gradient · y), row by row, where y is the result of softmax.
 * @throws KernelError `kernel-forced`, AllocationError `binding-too-large` when 64 rows exceed a binding
 */
export function softmaxGradient(
  device: Device,
  buffers: { y: GpuBuffer; gradient: GpuBuffer; out: GpuBuffer },
  shape: SoftmaxShape,
): void {
  record('softmaxGradient', device, softmaxGradientFamily, { ...buffers }, shape);
}

function record(
  op: string,
  device: Device,
  family: Family<SoftmaxShape, SoftmaxVariant>,
  buffers: Readonly<Record<string, GpuBuffer>>,
  shape: SoftmaxShape,
): void {
  const { rows, length } = shape;
  if (rows === 0 || length === 0) return;
  const variant = pick(family, device, shape);
  const rowBytes = 4 * length;
  for (const band of rowBands(op, rows, [rowBytes], device.capabilities.limits)) {
    const ranges = Object.entries(buffers).map(([name, buffer]) => [name, bandRange(buffer, band, rowBytes)]);
    device.dispatch(variant.kernel, {
      buffers: Object.fromEntries(ranges),
      params: { rows: band.count, length: length / variant.width },
      constants: variant.constants(shape),
    });
  }
}
