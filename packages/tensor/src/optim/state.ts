import { ShapeError } from '@lua-webgpu/kernels';
import { formatShape, sameShape } from '../core/index.ts';
import { type FileTensor, fromFloat32, toFloat32 } from '../files/index.ts';
import type { ArenaBuffers, Slot } from './arena.ts';

/** Names `<kind>.<parameter>`: what PyTorch's optimisers call their state, and the EMA's `params_ema`. */
const nameOf = (kind: string, slot: Slot) => `${kind}.${slot.name}`;

/** Reads buffers back, to the bit, in PyTorch's layout. */
export async function readState(
  slots: readonly Slot[],
  kinds: Readonly<Record<string, ArenaBuffers>>,
): Promise<Map<string, FileTensor>> {
  const state = new Map<string, FileTensor>();
  for (const [kind, buffers] of Object.entries(kinds)) {
    for (const slot of slots) {
      state.set(nameOf(kind, slot), fromFloat32(await buffers.read(slot), slot.parameter.shape));
    }
  }
  return state;
}

/** Uploads what `readState` gave. Nothing is written where something does not fit. @throws ShapeError `state-dict-mismatch` */
export function writeState(
  what: string,
  slots: readonly Slot[],
  kinds: Readonly<Record<string, ArenaBuffers>>,
  state: ReadonlyMap<string, FileTensor>,
): void {
  const writes = Object.entries(kinds).flatMap(([kind, buffers]) =>
    slots.map((slot) => {
      const values = toFloat32(entryOf(what, state, nameOf(kind, slot), slot.parameter.shape));
      return () => buffers.write(slot, values);
    }),
  );
  for (const write of writes) write();
}

/** One number of a state. @throws ShapeError `state-dict-mismatch` */
export function readNumber(what: string, state: ReadonlyMap<string, FileTensor>, name: string): number {
  return toFloat32(entryOf(what, state, name, []))[0] ?? 0;
}

export const numberTensor = (value: number): FileTensor => fromFloat32(Float32Array.of(value), []);

function entryOf(
  what: string,
  state: ReadonlyMap<string, FileTensor>,
  name: string,
  shape: readonly number[],
): FileTensor {
  const entry = state.get(name);
  if (entry && sameShape(entry.shape, shape)) return entry;
  throw new ShapeError(
    'state-dict-mismatch',
    `${what}: ${name} is ${entry ? `${formatShape(entry.shape)} instead of ${formatShape(shape)}` : 'missing'}`,
    'Pass the state that was saved with this network and optimiser.',
  );
}
