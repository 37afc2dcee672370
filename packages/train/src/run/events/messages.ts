import { bytesField, concat, doubleField, floatField, textField, varintField } from './protobuf.ts';

/**
 * TensorBoard's messages, with the field numbers of tensorboard/compat/proto/event.proto and summary.proto. As in
 * protobuf's own writers, fields stand in the order of their numbers and a step of 0 is left out.
 */

/** When an event happened: seconds since 1970. */
export interface Moment {
  readonly time: number;
  readonly step: number;
}

/** What an event file begins with. */
export function versionEvent({ time, step }: Moment): Uint8Array {
  return event({ time, step }, textField(3, 'brain.Event:2'));
}

/** From the second one in a run on, makes TensorBoard forget what was said before about this step and later ones. */
export function startEvent(moment: Moment): Uint8Array {
  const START = 1;
  return event(moment, bytesField(7, varintField(1, START)));
}

export function scalarsEvent(moment: Moment, scalars: ReadonlyMap<string, number>): Uint8Array {
  const values = [...scalars].map(([tag, value]) => concat([textField(1, tag), floatField(2, value)]));
  return summaryEvent(moment, values);
}

/** @param png a PNG file */
export function imageEvent(moment: Moment, tag: string, png: Uint8Array): Uint8Array {
  const { width, height, channels } = pngHeader(png);
  const image = concat([
    varintField(1, height),
    varintField(2, width),
    varintField(3, channels),
    bytesField(4, png),
  ]);
  return summaryEvent(moment, [concat([textField(1, tag), bytesField(4, image)])]);
}

function summaryEvent(moment: Moment, values: readonly Uint8Array[]): Uint8Array {
  return event(moment, bytesField(5, concat(values.map((value) => bytesField(1, value)))));
}

function event({ time, step }: Moment, what: Uint8Array): Uint8Array {
  return concat([doubleField(1, time), ...(step === 0 ? [] : [varintField(2, step)]), what]);
}

/** What IHDR, the first chunk of every PNG, says. `channels` is TensorBoard's colour space: 1 grey … 4 RGBA. */
export function pngHeader(png: Uint8Array): { width: number; height: number; channels: number } {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const channelsOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    channels: channelsOf[view.getUint8(25)] ?? 3,
  };
}
