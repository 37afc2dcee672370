/** A function takes an array over; `ref` is for keeping it. */
export interface Arr {
  readonly ref: Arr;
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
  dispose(): void;
  reshape(shape: readonly number[]): Arr;
  transpose(order?: readonly number[]): Arr;
  mul(other: Arr | number): Arr;
  div(other: Arr | number): Arr;
  add(other: Arr | number): Arr;
  sub(other: Arr | number): Arr;
  mean(): Arr;
  sum(): Arr;
}

/** Arrays by the names of the state dict. */
export type Arrays = Readonly<Record<string, Arr>>;

interface Complex {
  real: Arr;
  imag: Arr;
}

/** The part of jax-js that is used; its types come with a package that is not installed here. */
export interface Jax {
  init(device: 'webgpu'): Promise<readonly string[]>;
  defaultDevice(device: 'webgpu'): void;
  blockUntilReady(x: unknown): Promise<unknown>;
  getWebGPUDevice(): GPUDevice;
  jit<F>(f: F): F;
  grad(f: (...operands: Arr[]) => Arr, options: { argnums: number[] }): (...operands: Arr[]) => Arr[];
  /** The gradient is that of the first operand. */
  valueAndGrad<T, Rest extends unknown[]>(
    f: (first: T, ...rest: Rest) => Arr,
  ): (first: T, ...rest: Rest) => [value: Arr, gradient: T];
  readonly tree: { ref<T>(tree: T): T; dispose(tree: unknown): void };
  readonly numpy: {
    array(values: Float32Array): Arr;
    abs(x: Arr): Arr;
    sqrt(x: Arr): Arr;
    reciprocal(x: Arr): Arr;
    minimum(a: Arr, b: number): Arr;
    matmul(a: Arr, b: Arr): Arr;
    /** The other way round for a negative shift. */
    roll(x: Arr, shift: readonly number[], axes: readonly number[]): Arr;
    split(x: Arr, parts: number, axis: number): Arr[];
    stack(xs: readonly Arr[]): Arr;
    zerosLike(x: Arr): Arr;
    readonly fft: { fft2(x: Complex): Complex };
  };
  readonly nn: {
    gelu(x: Arr, options: { approximate: boolean }): Arr;
    leakyRelu(x: Arr, slope: number): Arr;
    softmax(x: Arr, axis: number): Arr;
    standardize(x: Arr, axis: number, options: { epsilon: number }): Arr;
  };
  readonly lax: { conv(x: Arr, filter: Arr, strides: number[], padding: 'SAME'): Arr };
}
