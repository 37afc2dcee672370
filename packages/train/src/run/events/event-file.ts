import { hostname } from 'node:os';
import { join } from 'node:path';
import { AppendFile, type AppendResult } from '../../disk/index.ts';
import { imageEvent, type Moment, scalarsEvent, startEvent, versionEvent } from './messages.ts';
import { frameRecord } from './record.ts';

/** A TensorBoard event file. Failures to write are results, as `AppendFile` has them. */
export class EventFile {
  readonly #file: AppendFile;

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  /**
   * Begins a file of its own, as TensorBoard wants of every process. What earlier files say about `from.step` and later
   * steps no longer holds.
   * @throws FileError `file-unwritable`, `file-disk-full`
   */
  static async create(folder: string, from: Moment): Promise<EventFile> {
    const seconds = String(Math.floor(from.time)).padStart(10, '0');
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`;
    const file = new EventFile(await openFree((n) => join(folder, `${name}.${n}`)));
    await file.#append(versionEvent({ time: from.time, step: 0 }));
    const { error } = await file.#append(startEvent(from));
    if (error) throw error;
    return file;
  }

  scalars(moment: Moment, scalars: ReadonlyMap<string, number>): Promise<AppendResult> {
    return this.#append(scalarsEvent(moment, scalars));
  }

  image(moment: Moment, tag: string, png: Uint8Array): Promise<AppendResult> {
    return this.#append(imageEvent(moment, tag, png));
  }

  close(): Promise<AppendResult> {
    return this.#file.close();
  }

  #append(event: Uint8Array): Promise<AppendResult> {
    return this.#file.append(frameRecord(event));
  }
}

async function openFree(path: (n: number) => string): Promise<AppendFile> {
  for (let n = 0; ; n++) {
    try {
      return await AppendFile.open(path(n), 'ax');
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      if (code !== 'EEXIST') throw error;
    }
  }
}
