/** Sizes outermost first. */
export type Sizes = readonly number[];

/**
 * Two operands on the axes of their result, neighbouring axes joined where both operands treat them alike. At least
 * one axis stays.
 */
export interface Broadcast {
  readonly sizes: Sizes;
  /** For each axis, whether the operand runs along it; where not, it is repeated. */
  readonly alongA: readonly boolean[];
  readonly alongB: readonly boolean[];
}

/** The shape of the result by NumPy's rules, or undefined where the operands do not agree. */
export function broadcastSizes(a: Sizes, b: Sizes): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const sizes: number[] = [];
  for (let fromInnermost = rank; fromInnermost >= 1; fromInnermost--) {
    const sizeA = a.at(-fromInnermost) ?? 1;
    const sizeB = b.at(-fromInnermost) ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) return undefined;
    sizes.push(sizeA === 1 ? sizeB : sizeA);
  }
  return sizes;
}

/** How a and b, whose shapes agree, lie on their result. */
export function alignOperands(a: Sizes, b: Sizes): Broadcast {
  const result = broadcastSizes(a, b) ?? [];
  const sizes: number[] = [];
  const alongA: boolean[] = [];
  const alongB: boolean[] = [];
  result.forEach((size, axis) => {
    if (size === 1) return;
    const inA = (a.at(axis - result.length) ?? 1) !== 1;
    const inB = (b.at(axis - result.length) ?? 1) !== 1;
    if (alongA.at(-1) === inA && alongB.at(-1) === inB) {
      sizes.push((sizes.pop() ?? 1) * size);
      return;
    }
    sizes.push(size);
    alongA.push(inA);
    alongB.push(inB);
  });
  return sizes.length > 0 ? { sizes, alongA, alongB } : { sizes: [1], alongA: [true], alongB: [true] };
}
