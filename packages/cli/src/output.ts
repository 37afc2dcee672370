import { LuaWebGpuError } from '@lua-webgpu/kernels';

/** Where a command's words go. A process's streams, or what stands in for them. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/**
 * A command's voice: results on stdout, everything else on stderr. In JSON mode stdout gets one object and nothing
 * more, whether the command ends well or not.
 */
export class Output {
  readonly json: boolean;
  readonly #streams: Streams;
  #bar = false;

  constructor(streams: Streams, json: boolean) {
    this.#streams = streams;
    this.json = json;
  }

  /** A line of the result, for people. */
  print(line = ''): void {
    if (this.json) return;
    this.#clearBar();
    this.#streams.stdout.write(`${printable(line)}\n`);
  }

  /** Whether a person watches. */
  get interactive(): boolean {
    return this.#streams.stderr.isTTY === true;
  }

  /** The result, for programs. Call it once. */
  result(value: object): void {
    if (this.json) this.#streams.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A line beside the result: the adapter in use, a warning. */
  note(line: string): void {
    this.#clearBar();
    this.#streams.stderr.write(`${printable(line)}\n`);
  }

  warn(line: string): void {
    this.note(`warning: ${line}`);
  }

  /**
   * Replaces the progress line; says nothing where stderr is no terminal.
   * @param detail what follows the count
   */
  progress(label: string, done: number, total: number, detail = ''): void {
    if (!this.#streams.stderr.isTTY) return;
    const filled = total === 0 ? 0 : Math.round((24 * done) / total);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(24 - filled)}`;
    const count = total > 1 ? ` ${done}/${total}` : '';
    this.#streams.stderr.write(`\r\x1b[K${label} ${bar}${count}${detail}`);
    this.#bar = true;
  }

  /** The end of a command that failed; `known` is what its JSON object says beside the error. */
  failure(error: unknown, known: object = {}): void {
    const { code, message, fix } = describeError(error);
    this.note(`error [${code}]: ${message}`);
    this.note(`fix: ${fix}`);
    this.result({ ...known, error: { code, message, fix } });
  }

  #clearBar(): void {
    if (this.#bar) this.#streams.stderr.write('\r\x1b[K');
    this.#bar = false;
  }
}

/** `code`, message and `fix` of anything that was thrown. */
function describeError(error: unknown): { code: string; message: string; fix: string } {
  if (error instanceof LuaWebGpuError) return error;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const at = error instanceof Error ? error.stack?.split('\n')[1]?.trim() : undefined;
  return {
    code: 'internal',
    message: at === undefined ? message : `${message} (${at})`,
    fix: 'This is a mistake in lua-webgpu: please report it with this line and what you ran.',
  };
}

/** Names and metadata come out of files: spells out the control characters that would steer a terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
