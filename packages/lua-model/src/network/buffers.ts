import type { FileTensor } from '@lua-webgpu/tensor';

/** Which row of the bias table each pair of tokens of a window uses: int64 [w², w²], as PyTorch's buffer. */
export function relativePositionIndex(window: number): FileTensor {
  const tokens = window * window;
  const values = new BigInt64Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) {
    for (let j = 0; j < tokens; j++) {
      const dy = Math.floor(i / window) - Math.floor(j / window) + window - 1;
      const dx = (i % window) - (j % window) + window - 1;
      values[i * tokens + j] = BigInt(dy * (2 * window - 1) + dx);
    }
  }
  return { dtype: 'I64', shape: [tokens, tokens], bytes: new Uint8Array(values.buffer) };
}

/**
 * The additive mask of shifted windows, f32 [windows, w², w²]: −100 between tokens that the cyclic shift brought
 * together from different regions, else 0. The kernel computes the same from coordinates; this is for state dicts.
 */
export function attentionMask(height: number, width: number, window: number, shift: number): FileTensor {
  const region = (at: number, size: number) => (at < size - window ? 0 : at < size - shift ? 1 : 2);
  const tokens = window * window;
  const across = width / window;
  const count = (height / window) * across;
  const values = new Float32Array(count * tokens * tokens);
  for (let w = 0; w < count; w++) {
    const top = Math.floor(w / across) * window;
    const left = (w % across) * window;
    const regions = Array.from(
      { length: tokens },
      (_, i) => 3 * region(top + Math.floor(i / window), height) + region(left + (i % window), width),
    );
    for (let i = 0; i < tokens; i++) {
      for (let j = 0; j < tokens; j++)
        values[(w * tokens + i) * tokens + j] = regions[i] === regions[j] ? 0 : -100;
    }
  }
  return { dtype: 'F32', shape: [count, tokens, tokens], bytes: new Uint8Array(values.buffer) };
}
