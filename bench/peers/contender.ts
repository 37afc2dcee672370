import type { Problem } from './problems.ts';

/** A problem made ready on the GPU of one contender. */
export interface Prepared {
  /** Does it once and waits for the GPU. */
  run(): Promise<void>;
  /** Its results in the layouts that `Sizes` tells. */
  read(): Promise<Float32Array[]>;
  dispose(): void;
  /** The network as the peers take it, an ONNX file or for a training step safetensors; ours alone has it. */
  model?(): Promise<Uint8Array>;
}

/** A library that was opened in this process. */
export interface Contender {
  /**
   * @param model what ours gave as the problem's
   * @throws Error with the reason where the library cannot do it
   */
  prepare(problem: Problem, model: Uint8Array | undefined): Promise<Prepared>;
}

export interface OpenContender {
  /** What the user named, as `openDevice` takes it. */
  readonly adapter: string | undefined;
  /** Folder whose node_modules has the packages of a peer. */
  readonly folder: string;
}

/** What every file of a contender exports. */
export type Open = (options: OpenContender) => Promise<Contender>;
