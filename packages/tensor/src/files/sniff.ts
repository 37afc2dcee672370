import { FileError } from '@lua-webgpu/kernels';

/** What a file's first bytes say it is. */
export type FileKind =
  | 'safetensors'
  | 'zip'
  | 'pickle'
  | 'tar'
  | 'html'
  | 'image'
  | 'gguf'
  | 'lfs-pointer'
  | 'json'
  | 'numpy'
  | 'hdf5'
  | 'gzip';

export interface SniffedFile {
  readonly kind: FileKind;
  /** With its article, for messages: `a PNG image`. */
  readonly description: string;
  /** How to get from this file to one that can be read. */
  readonly fix: string;
}

/** The longest header that the safetensors format allows, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;

const DOWNLOAD = 'Download the weights themselves; a web page may have been saved in their place.';
const CONVERT = 'Convert the weights to safetensors first.';

const SIGNATURES: readonly (readonly [offset: number, signature: string, SniffedFile])[] = [
  [
    0,
    'PK\x03\x04',
    { kind: 'zip', description: 'a zip archive, as PyTorch writes for .pth', fix: 'Read it as .pth.' },
  ],
  [0, 'PK\x05\x06', { kind: 'zip', description: 'an empty zip archive', fix: 'Download the file again.' }],
  [257, 'ustar', { kind: 'tar', description: 'a tar archive (a very old PyTorch format)', fix: CONVERT }],
  [0, 'GGUF', { kind: 'gguf', description: 'a GGUF model', fix: CONVERT }],
  [
    0,
    'version https://git-lfs.github.com/spec/',
    {
      kind: 'lfs-pointer',
      description: 'a Git LFS pointer, not the file that it stands for',
      fix: 'Run `git lfs pull` in the repository, or download the file from its web page.',
    },
  ],
  [0, '\x89PNG\r\n\x1a\n', image('PNG')],
  [0, '\xff\xd8\xff', image('JPEG')],
  [0, 'GIF87a', image('GIF')],
  [0, 'GIF89a', image('GIF')],
  [0, 'II*\0', image('TIFF')],
  [0, 'MM\0*', image('TIFF')],
  [4, 'ftypavif', image('AVIF')],
  [0, '\x93NUMPY', { kind: 'numpy', description: 'a NumPy array (.npy)', fix: CONVERT }],
  [0, '\x89HDF\r\n\x1a\n', { kind: 'hdf5', description: 'an HDF5 file', fix: CONVERT }],
  [0, '\x1f\x8b', { kind: 'gzip', description: 'gzip-compressed data', fix: 'Decompress it first.' }],
];

function image(format: string): SniffedFile {
  return {
    kind: 'image',
    description: `a ${format} image`,
    fix: 'Pass the weights or the latent, not a picture.',
  };
}

/**
 * Says what a file is from its first bytes, or nothing when they fit no format that is known here. A file is taken for
 * safetensors when its header could begin (a possible length, then `{`), even where the rest is broken.
 */
export function sniffFile(bytes: Uint8Array): SniffedFile | undefined {
  if (mayBeSafetensors(bytes))
    return { kind: 'safetensors', description: 'a safetensors file', fix: 'Read it as safetensors.' };
  for (const [offset, signature, sniffed] of SIGNATURES)
    if (startsWith(bytes, offset, signature)) return sniffed;
  if (startsWith(bytes, 0, 'RIFF') && startsWith(bytes, 8, 'WEBP')) return image('WebP');
  if (bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5) {
    return {
      kind: 'pickle',
      description: 'a Python pickle (PyTorch before 1.6 wrote such files)',
      fix: CONVERT,
    };
  }
  return sniffText(bytes);
}

/** A FileError `<prefix>-is-<kind>` for a file that is something else than `expected`. */
export function wrongKind(prefix: string, source: string, expected: string, sniffed: SniffedFile): FileError {
  return new FileError(
    `${prefix}-is-${sniffed.kind}`,
    `${source}: expected ${expected}, but this is ${sniffed.description}`,
    sniffed.fix,
  );
}

function mayBeSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return view.getUint32(4, true) === 0 && view.getUint32(0, true) <= MAX_HEADER_BYTES;
}

function startsWith(bytes: Uint8Array, offset: number, signature: string): boolean {
  if (bytes.length < offset + signature.length) return false;
  for (let i = 0; i < signature.length; i++) if (bytes[offset + i] !== signature.charCodeAt(i)) return false;
  return true;
}

function sniffText(bytes: Uint8Array): SniffedFile | undefined {
  const head = bytes.subarray(0, 512);
  // A NUL means binary data: a safetensors header length of 123 also begins with `{`.
  if (head.includes(0)) return undefined;
  const text = new TextDecoder('utf-8').decode(head).trimStart();
  if (/^<(!doctype|!--|\?xml|[a-z])/i.test(text)) {
    return { kind: 'html', description: 'an HTML or XML page', fix: DOWNLOAD };
  }
  if (/^[[{]\s*(["\]}[{]|-?[0-9]|$)/.test(text)) {
    return {
      kind: 'json',
      description: 'a JSON text',
      fix: 'Pass the weights; a configuration goes elsewhere.',
    };
  }
  return undefined;
}
