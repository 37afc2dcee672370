/** What the bench asks of a contender's process, one at a time. Problems are named by their place in `problems`. */
export type Request =
  | { readonly ask: 'open' }
  | { readonly ask: 'results'; readonly problem: number }
  /** How far its results are from the expected ones. */
  | {
      readonly ask: 'difference';
      readonly problem: number;
      readonly expected: readonly Float32Array[];
      readonly model: Uint8Array | undefined;
    }
  /** Milliseconds of single runs, of the problem that was asked about before. */
  | { readonly ask: 'samples'; readonly problem: number; readonly seconds: number };

/** Answers by question. */
export interface Answers {
  open: null;
  results: { readonly outputs: readonly Float32Array[]; readonly model: Uint8Array | undefined };
  difference: number;
  samples: readonly number[];
}

export type Reply = { readonly answer: Answers[keyof Answers] } | { readonly error: string };
