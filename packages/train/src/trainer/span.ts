/** Parts of a step, in the order in which they happen. */
export const stepParts = ['data', 'forward', 'backward', 'optimizer', 'readback'] as const;

export type StepPart = (typeof stepParts)[number];

/** Runs a part of a step, for whoever measures parts. */
export type Span = <T>(part: StepPart, work: () => T | Promise<T>) => T | Promise<T>;
