import { chain, concat, type Scope, slice, type Tensor } from '@lua-webgpu/tensor';

/** A map [B, H, W, C] whose rows are there, or are computed whenever they are asked for. */
export interface Rows {
  readonly height: number;
  /** Rows `from` to `to` as a tensor of `scope`. */
  read(scope: Scope, from: number, to: number): Tensor;
  /** No row before this one will be asked for any more. */
  forget(before: number): void;
}

/** Rows of a tensor [B, H, W, C]. */
function rowsOf(x: Tensor, from: number, to: number): Tensor {
  const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
  return from === 0 && to === height ? x : slice(x, [0, from, 0, 0], [batch, to - from, width, channels]);
}

/** Bands of rows in tensors of their own: no buffer holds the whole map, and memory is given back band by band. */
export class Bands implements Rows {
  readonly height: number;
  readonly #bands: { readonly from: number; readonly to: number; readonly tensor: Tensor }[] = [];

  constructor(height: number) {
    this.height = height;
  }

  /** Takes over the next rows. */
  add(tensor: Tensor): void {
    const from = this.#bands.at(-1)?.to ?? 0;
    this.#bands.push({ from, to: from + (tensor.shape[1] as number), tensor });
  }

  read(scope: Scope, from: number, to: number): Tensor {
    const parts = this.#bands
      .filter((band) => band.to > from && band.from < to)
      .map((band) => {
        const [first, last] = [Math.max(from, band.from), Math.min(to, band.to)];
        return rowsOf(scope.borrow(band.tensor), first - band.from, last - band.from);
      });
    return parts.length === 1 ? (parts[0] as Tensor) : concat(parts, 1);
  }

  forget(before: number): void {
    for (const band of this.#bands) if (band.to <= before) band.tensor.dispose();
  }
}

/**
 * Some rows of a map of `height` rows, on the way through convolutions that need their neighbours. What was read stays; what
 * was computed of it is given back at the next step, since a scope would hold all of it to its end.
 */
export class Piece {
  readonly tensor: Tensor;
  readonly from: number;
  readonly height: number;
  readonly #computed: boolean;

  private constructor(tensor: Tensor, from: number, height: number, computed = true) {
    this.tensor = tensor;
    this.from = from;
    this.height = height;
    this.#computed = computed;
  }

  /** Rows `from` to `to` and up to `halo` more on either side. */
  static read(scope: Scope, source: Rows, from: number, to: number, halo: number): Piece {
    const [first, last] = [Math.max(0, from - halo), Math.min(source.height, to + halo)];
    return new Piece(source.read(scope, first, last), first, source.height, false);
  }

  get to(): number {
    return this.from + (this.tensor.shape[1] as number);
  }

  /** Behind operations that work on every pixel by itself. */
  map(...operations: readonly ((x: Tensor) => Tensor)[]): Piece {
    return new Piece(this.#behind(operations), this.from, this.height);
  }

  /** Behind a 3×3 convolution with padding 1: rows whose neighbours are not here, and not padding in the whole, are lost. */
  convolve(convolution: (x: Tensor) => Tensor): Piece {
    const [from, to] = [this.from > 0 ? this.from + 1 : 0, this.to < this.height ? this.to - 1 : this.to];
    const cut = (x: Tensor) => rowsOf(x, from - this.from, to - this.from);
    const isWhole = from === this.from && to === this.to;
    return new Piece(this.#behind(isWhole ? [convolution] : [convolution, cut]), from, this.height);
  }

  rows(from: number, to: number): Tensor {
    return rowsOf(this.tensor, from - this.from, to - this.from);
  }

  #behind(operations: readonly ((x: Tensor) => Tensor)[]): Tensor {
    const result = chain(this.tensor, operations);
    if (this.#computed) this.tensor.dispose();
    return result;
  }
}
