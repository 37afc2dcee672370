import { elements, type Shape } from '../core/index.ts';

/** Where each logical channel sits among the physical ones; the rest are zero. */
export interface ChannelMap {
  readonly logical: number;
  readonly physical: number;
  /** The physical place of every logical channel. */
  readonly places: Int32Array;
}

const channelMap = (physical: number, places: Int32Array): ChannelMap => ({
  logical: places.length,
  physical,
  places,
});

/** Channels as they are. */
export const plainChannels = (count: number): ChannelMap =>
  channelMap(
    count,
    Int32Array.from({ length: count }, (_, i) => i),
  );

/** Zeros behind the last channel up to a multiple of 4, so that vec4 kernels apply. */
export const paddedChannels = (count: number): ChannelMap => {
  const places = Int32Array.from({ length: count }, (_, i) => i);
  return channelMap(Math.ceil(count / 4) * 4, places);
};

/** `groups` runs of `size` channels each (attention heads), every run padded to a multiple of 4. */
export const groupedChannels = (groups: number, size: number): ChannelMap => {
  const padded = Math.ceil(size / 4) * 4;
  const places = Int32Array.from(
    { length: groups * size },
    (_, i) => Math.floor(i / size) * padded + (i % size),
  );
  return channelMap(groups * padded, places);
};

/**
 * The input of a pixel shuffle by r: PyTorch's channel c·r² + i·r + j goes to (i·r + j)·C + c, with C padded to a
 * multiple of 4, so that the shuffle moves whole vec4s.
 */
export const shuffledChannels = (channels: number, r: number): ChannelMap => {
  const padded = Math.ceil(channels / 4) * 4;
  const places = Int32Array.from(
    { length: channels * r * r },
    (_, i) => (i % (r * r)) * padded + Math.floor(i / (r * r)),
  );
  return channelMap(padded * r * r, places);
};

/** How a parameter's PyTorch layout becomes the device's. */
export interface Packing {
  /** PyTorch's shape. */
  readonly shape: Shape;
  readonly packedShape: Shape;
  pack(values: Float32Array): Float32Array;
  unpack(packed: Float32Array): Float32Array;
}

/** A packing from the place of each logical element. */
function scatter(shape: Shape, packedShape: Shape, place: (index: number) => number): Packing {
  const count = elements(shape);
  return {
    shape,
    packedShape,
    pack(values) {
      const packed = new Float32Array(elements(packedShape));
      for (let i = 0; i < count; i++) packed[place(i)] = values[i] as number;
      return packed;
    },
    unpack(packed) {
      const values = new Float32Array(count);
      for (let i = 0; i < count; i++) values[i] = packed[place(i)] as number;
      return values;
    },
  };
}

/** A tensor kept in its own layout. */
export const plainPacking = (shape: Shape): Packing => scatter(shape, shape, (i) => i);

/** A bias or a norm's weight: [channels]. */
export const vectorPacking = (channels: ChannelMap): Packing =>
  scatter([channels.logical], [channels.physical], (i) => channels.places[i] as number);

/** PyTorch's Linear weight [out, in] as the right-hand side of a GEMM, [in, out]. */
export function linearPacking(input: ChannelMap, output: ChannelMap): Packing {
  return scatter([output.logical, input.logical], [input.physical, output.physical], (i) => {
    const o = output.places[Math.floor(i / input.logical)] as number;
    return (input.places[i % input.logical] as number) * output.physical + o;
  });
}

/** PyTorch's convolution weight [out, in, kh, kw] as [kh, kw, in, out]. */
export function convPacking(input: ChannelMap, output: ChannelMap, kernel: number): Packing {
  const taps = kernel * kernel;
  const shape = [output.logical, input.logical, kernel, kernel];
  return scatter(shape, [kernel, kernel, input.physical, output.physical], (i) => {
    const tap = i % taps;
    const c = input.places[Math.floor(i / taps) % input.logical] as number;
    const o = output.places[Math.floor(i / (taps * input.logical))] as number;
    return (tap * input.physical + c) * output.physical + o;
  });
}
