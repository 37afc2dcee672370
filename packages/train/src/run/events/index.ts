/** TensorBoard event files: TFRecord framing around protocol-buffer messages, written by hand. */

export { EventFile } from './event-file.ts';
export { pngHeader } from './messages.ts';
