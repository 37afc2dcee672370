/** Parts of a step, in the order in which they happen. */
export const stepParts = ['data', 'forward', 'backward', 'optimizer', 'readback'] as const;

export type StepPart = (typeof stepParts)[number];

/** Runs a part of a step. A profiler waits for the GPU around it; ordinary training just runs it. */
export type Span = <T>(part: StepPart, work: () => T | Promise<T>) => T | Promise<T>;

export const unmeasured: Span = (_, work) => work();
