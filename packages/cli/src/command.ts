import type { CommandSpec, Parsed } from './arguments.ts';
import type { Output } from './output.ts';

/** What a command gets beside its arguments. */
export interface CommandContext {
  readonly output: Output;
  /** Aborts with an InterruptedError on Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

export interface Command {
  readonly spec: CommandSpec;
  /** Returns the exit code. Whatever it throws is reported and turned into one. */
  run(parsed: Parsed, context: CommandContext): Promise<number>;
}
