import { type Mutation, placeOf } from './mutation.ts';

/** A mutation that no test can see, and why. The line's text finds it again when lines move. */
export interface Equivalent {
  readonly file: string;
  /** The line without the spaces around it. */
  readonly text: string;
  /** Where in the line the token stands, from 0. */
  readonly at: number;
  readonly token: string;
  readonly replacement: string;
  readonly reason: string;
}

export const equivalents: readonly Equivalent[] = [];

/** Why nothing can catch a mutation, where that is known. */
export function reasonFor(
  source: string,
  { file, offset, token, replacement }: Mutation,
): string | undefined {
  const { text, at } = placeOf(source, { offset });
  return equivalents.find(
    (known) =>
      known.file === file &&
      known.text === text &&
      known.at === at &&
      known.token === token &&
      known.replacement === replacement,
  )?.reason;
}
