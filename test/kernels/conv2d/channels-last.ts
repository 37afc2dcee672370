import type { HostTensor } from '../../golden/params.ts';

/** NCHW → NHWC. */
export function channelsLast({ shape, data }: HostTensor): {
  shape: number[];
  data: Float32Array<ArrayBuffer>;
} {
  const [batch = 0, channels = 0, height = 0, width = 0] = shape;
  const out = new Float32Array(data.length);
  eachElement(batch, channels, height * width, (nchw, nhwc) => {
    out[nhwc] = data[nchw] as number;
  });
  return { shape: [batch, height, width, channels], data: out };
}

/** NHWC → NCHW. */
export function channelsFirst({ shape, data }: { shape: readonly number[]; data: ArrayLike<number> }) {
  const [batch = 0, height = 0, width = 0, channels = 0] = shape;
  const out = new Float32Array(data.length);
  eachElement(batch, channels, height * width, (nchw, nhwc) => {
    out[nchw] = data[nhwc] as number;
  });
  return { shape: [batch, channels, height, width], data: out };
}

/** PyTorch's convolution weight [out, in, kh, kw] → [kh, kw, in, out]. */
export function packedWeight({ shape, data }: HostTensor): {
  shape: number[];
  data: Float32Array<ArrayBuffer>;
} {
  const [cout = 0, cin = 0, kh = 0, kw = 0] = shape;
  const out = new Float32Array(data.length);
  for (let o = 0; o < cout; o++) {
    for (let i = 0; i < cin; i++) {
      for (let tap = 0; tap < kh * kw; tap++) {
        out[(tap * cin + i) * cout + o] = data[(o * cin + i) * kh * kw + tap] as number;
      }
    }
  }
  return { shape: [kh, kw, cin, cout], data: out };
}

function eachElement(
  batch: number,
  channels: number,
  pixels: number,
  pair: (nchw: number, nhwc: number) => void,
): void {
  for (let b = 0; b < batch; b++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < pixels; p++) pair((b * channels + c) * pixels + p, (b * pixels + p) * channels + c);
    }
  }
}
