import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ContenderName } from './packages.ts';
import type { Answers, Reply, Request } from './protocol.ts';

/**
 * A contender in a process of its own: two of them on one device would wait for each other, and one may crash. Started
 * when it is first asked, and again after it died.
 */
export class ContenderProcess {
  readonly #name: ContenderName;
  readonly #arguments: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  #child: ChildProcess | undefined;
  #errors = '';

  constructor(
    name: ContenderName,
    options: {
      readonly folder: string;
      readonly adapter: string | undefined;
      readonly environment: Readonly<Record<string, string>>;
      readonly timeoutMs: number;
    },
  ) {
    this.#name = name;
    this.#arguments = [options.folder, ...(options.adapter === undefined ? [] : [options.adapter])];
    this.#environment = options.environment;
    this.#timeoutMs = options.timeoutMs;
  }

  /** @throws Error with the reason in words: what it threw, the signal that ended it, that it took too long */
  async ask<R extends Request>(request: R): Promise<Answers[R['ask']]> {
    const child = this.#child ?? (await this.#start());
    return this.#exchange(child, request) as Promise<Answers[R['ask']]>;
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(
      fileURLToPath(new URL('child.ts', import.meta.url)),
      [this.#name, ...this.#arguments],
      {
        serialization: 'advanced',
        env: { ...process.env, ...this.#environment },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    this.#errors = '';
    // The last words of a process tell more than its signal.
    child.stderr?.on('data', (text: Buffer) => {
      this.#errors = (this.#errors + text.toString()).slice(-2000);
    });
    try {
      await this.#exchange(child, { ask: 'open' });
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    this.#child = child;
    return child;
  }

  #exchange(child: ChildProcess, request: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        child.off('message', onMessage).off('exit', onExit);
        finish();
      };
      const onMessage = (reply: Reply) =>
        settle(() => ('error' in reply ? reject(new Error(reply.error)) : resolve(reply.answer)));
      const onExit = (code: number | null, signal: string | null) => {
        this.#child = undefined;
        const last = this.#errors.trim().split('\n').at(-1) ?? '';
        settle(() => reject(new Error(`its process ended (${signal ?? `code ${code}`}) ${last}`.trim())));
      };
      const timer = setTimeout(() => {
        settle(() => reject(new Error(`no answer in ${this.#timeoutMs / 1e3} s`)));
        child.kill('SIGKILL');
        this.#child = undefined;
      }, this.#timeoutMs);
      child.on('message', onMessage).on('exit', onExit);
      child.send(request);
    });
  }
}
