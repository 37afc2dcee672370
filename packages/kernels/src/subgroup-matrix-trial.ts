import { DeviceLostError, LuaWebGpuError } from './errors.ts';
import { matmul } from './matmul/index.ts';
import type { Device } from './runtime/index.ts';

/** Sizes that no tile divides: an edge in each direction, and two steps of k of which the second is cut. */
const [rows, k, n] = [70, 36, 72] as const;

/** Whole numbers from −4 to 3. */
const whole = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => (Math.imul(i + seed, 0x9e3779b1) >>> 29) - 4);

/**
 * What is wrong with products by subgroup matrices, or undefined where they are right to the digit: operands and sums are whole numbers
 * that float16 and float32 hold.
 *
 * @param device one that is forced to them
 * @throws DeviceLostError where the trial costs the device
 */
export async function subgroupMatrixFault(device: Device): Promise<string | undefined> {
  try {
    const right = (await isRight(device, false)) && (await isRight(device, true));
    return right ? undefined : 'a product is wrong';
  } catch (error) {
    // What the driver does not compile is as little use as what it computes wrongly.
    if (error instanceof LuaWebGpuError && !(error instanceof DeviceLostError)) return error.message;
    throw error;
  }
}

async function isRight(device: Device, transposed: boolean): Promise<boolean> {
  const [left, right] = [whole(rows * k, 1), whole(k * n, 2)];
  const [a, b, out] = [device.upload(left), device.upload(right), device.allocate(4 * rows * n)];
  try {
    matmul(device, { a, b, out }, { rows, k, n, bias: false, activation: { kind: 'none' }, transposed });
    const result = new Float32Array(await device.read(out));
    return result.every((value, i) => {
      const [row, column] = [Math.floor(i / n), i % n];
      let sum = 0;
      for (let step = 0; step < k; step++) {
        const at = transposed ? column * k + step : step * n + column;
        sum += (left[row * k + step] as number) * (right[at] as number);
      }
      return value === sum;
    });
  } finally {
    for (const buffer of [a, b, out]) buffer.release();
  }
}
