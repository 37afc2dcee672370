import { type GroupNorm, groupNormApply, type Tensor } from '@lua-webgpu/tensor';

/** What one group norm has found in a part of a map: [2, images · groups], as `groupNormStatistics` gives it. */
export interface PartStatistics {
  readonly values: Float32Array;
  /** Rows of the part. */
  readonly rows: number;
}

/** Means and variances of the groups of a whole map. */
export class MapStatistics {
  readonly #means: Float64Array;
  readonly #variances: Float64Array;

  /** Joins those of parts of equal width (Chan, Golub and LeVeque 1979), whose groups have `perRow` values per row. */
  constructor(parts: readonly PartStatistics[], perRow: number) {
    const all = (parts[0]?.values.length ?? 0) / 2;
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    this.#means = new Float64Array(all);
    this.#variances = new Float64Array(all);
    for (let i = 0; i < all; i++) {
      const value = (part: PartStatistics, at: number) => part.values[at] as number;
      const total = (of: (part: PartStatistics) => number) => parts.reduce((sum, part) => sum + of(part), 0);
      const mean = total((part) => part.rows * value(part, i)) / rows;
      const squares = total(
        (part) => value(part, all + i) + perRow * part.rows * (value(part, i) - mean) ** 2,
      );
      this.#means[i] = mean;
      this.#variances[i] = squares / (perRow * rows);
    }
  }

  /** x [B, rows, W, C], a part of the map, normalised by them. */
  normalise(norm: GroupNorm, x: Tensor): Tensor {
    const [batch = 0, rows = 0, width = 0, channels = 0] = x.shape;
    const count = (rows * width * channels) / norm.groups;
    const values = Float32Array.from([...this.#means, ...this.#variances.map((each) => each * count)]);
    const statistics = x.scope?.tensor(values, [2, batch, norm.groups]) as Tensor;
    const { groups, eps } = norm;
    return groupNormApply(x, norm.weight.tensor, norm.bias.tensor, statistics, { groups, eps });
  }
}
