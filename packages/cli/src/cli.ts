import { commonOptions, parseCommandLine } from './arguments.ts';
import type { Command } from './command.ts';
import { decode } from './commands/decode.ts';
import { demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { encode } from './commands/encode.ts';
import { evaluate } from './commands/eval.ts';
import { exportCommand } from './commands/export.ts';
import { inspect } from './commands/inspect.ts';
import { prepare } from './commands/prepare.ts';
import { report } from './commands/report.ts';
import { roundtrip } from './commands/roundtrip.ts';
import { train } from './commands/train.ts';
import { trainDecoderCommand } from './commands/train-decoder.ts';
import { tune } from './commands/tune.ts';
import { upscale } from './commands/upscale.ts';
import { InterruptedError, UsageError } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import { commandHelp, generalHelp } from './help.ts';
import { Output, type Streams } from './output.ts';
import { suggestion } from './suggestion.ts';
import { packageVersion } from './version.ts';

const commands: readonly Command[] = [
  upscale,
  encode,
  decode,
  roundtrip,
  inspect,
  prepare,
  train,
  trainDecoderCommand,
  evaluate,
  exportCommand,
  report,
  tune,
  doctor,
  demo,
];

/**
 * Runs one command line to its end.
 *
 * @param args the words after the program's name
 * @returns the exit code; it never throws
 */
export async function runCommandLine(args: readonly string[], streams: Streams): Promise<number> {
  const output = new Output(streams, args.includes(`--${Object.keys(commonOptions)[0]}`));
  const interruption = new AbortController();
  const handlers = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const handler = () => {
      // Whoever asks a second time does not want to wait for the GPU or the disk.
      if (interruption.signal.aborted) process.exit(exitCodeOf(interruption.signal.reason));
      interruption.abort(new InterruptedError(signal));
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  // A reader that has gone (`… | head`) is no error of ours.
  const stdoutGone = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  };
  streams.stdout.on('error', stdoutGone);
  try {
    return await run(args, output, interruption.signal);
  } catch (error) {
    // What an interruption breaks on its way is not what went wrong.
    const reported = interruption.signal.aborted ? interruption.signal.reason : error;
    output.failure(reported);
    return exitCodeOf(reported);
  } finally {
    for (const remove of handlers) remove();
  }
}

async function run(args: readonly string[], output: Output, signal: AbortSignal): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const text = generalHelp(
      commands.map(({ spec }) => spec),
      packageVersion(),
    );
    if (name !== undefined) {
      output.print(text);
      return 0;
    }
    output.note(text);
    return 2;
  }
  if (name === '--version' || name === '-v') {
    output.print(packageVersion());
    return 0;
  }
  const command = commands.find(({ spec }) => spec.name === name);
  if (command === undefined) {
    const names = commands.map(({ spec }) => spec.name);
    throw new UsageError(
      'usage-command',
      `there is no command ${JSON.stringify(name)}`,
      `${suggestion(name, names)}The commands are ${names.join(', ')}; see lua-webgpu --help.`,
    );
  }
  const parsed = parseCommandLine(command.spec, rest);
  if (parsed.has('help')) {
    output.print(commandHelp(command.spec));
    return 0;
  }
  return await command.run(parsed, { output, signal });
}
