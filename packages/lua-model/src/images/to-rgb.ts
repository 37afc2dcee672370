import type { Metadata, Sharp } from 'sharp';
import type { RgbImage } from './rgb-image.ts';

/** Decodes a picture, opened as `profileUse` says, to sRGB; `notes` say what was changed on the way. */
export async function toRgb(
  picture: Sharp,
  metadata: Metadata,
): Promise<{ image: RgbImage; notes: string[] }> {
  const notes = colourNotes(metadata);
  const { pages = 1, orientation = 1 } = metadata;
  if (pages > 1) notes.push(`the first of ${pages} pages or frames`);
  if (orientation !== 1) notes.push(`turned upright, as its EXIF orientation ${orientation} asks`);
  const wide = isWide(metadata);
  let upright = picture.autoOrient().toColourspace(wide ? 'rgb16' : 'srgb');
  // With 16 bits sharp converts a profile to Display P3 to work in; this takes it from there to sRGB.
  if (wide && profileUse(metadata) === 'applied') upright = upright.withIccProfile('srgb');
  const { data, info } = await upright
    .raw({ depth: wide ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const levels = wide ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
  const largest = largestLevel(metadata);
  if (channels === 3) return { image: { width, height, data: scaled(levels, largest) }, notes };
  if (!isOpaque(levels, largest)) notes.push('its transparent parts are put on white');
  return { image: { width, height, data: onWhite(levels, largest) }, notes };
}

/** Whether 16 bits are decoded; the conversion of CMYK to sRGB gives 8. */
function isWide({ depth, space }: Metadata): boolean {
  return depth === 'ushort' && space !== 'cmyk';
}

/** The level of white. Formats with 10 or 12 bits come with their bits at the upper end of 16. */
function largestLevel(metadata: Metadata): number {
  if (!isWide(metadata)) return 255;
  const bits = metadata.bitsPerSample ?? 16;
  return (2 ** bits - 1) * 2 ** (16 - bits);
}

/**
 * What becomes of the embedded ICC profile. A broken one has to be ignored on purpose, or libvips takes sRGB in its
 * place and converts that; libvips does not apply those of 16-bit grey.
 */
export function profileUse({ icc, space }: Metadata): 'none' | 'broken' | 'ignored' | 'applied' {
  if (icc === undefined) return 'none';
  if (icc.toString('latin1', 36, 40) !== 'acsp') return 'broken';
  return space === 'grey16' ? 'ignored' : 'applied';
}

function colourNotes(metadata: Metadata): string[] {
  const notes: string[] = [];
  const profile = profileUse(metadata);
  if (metadata.space === 'cmyk') {
    notes.push(`CMYK, converted to sRGB ${profile === 'applied' ? 'by its profile' : 'by a common profile'}`);
  } else if (profile === 'applied') {
    notes.push('converted from its colour profile to sRGB');
  }
  if (profile === 'broken') notes.push('its colour profile is broken and was ignored');
  if (profile === 'ignored') notes.push('its grey colour profile was ignored, taken for sRGB');
  return notes;
}

type Levels = Uint8Array | Uint16Array;

function scaled(levels: Levels, largest: number): Float32Array {
  const values = new Float32Array(levels.length);
  for (let i = 0; i < values.length; i++) values[i] = (levels[i] as number) / largest;
  return values;
}

/** Of levels [pixels, 4]. */
function isOpaque(levels: Levels, largest: number): boolean {
  for (let i = 3; i < levels.length; i += 4) if (levels[i] !== largest) return false;
  return true;
}

/** [pixels, 4] composited on white as [pixels, 3]. */
function onWhite(levels: Levels, largest: number): Float32Array {
  const values = new Float32Array((levels.length / 4) * 3);
  for (let pixel = 0; pixel < levels.length / 4; pixel++) {
    const alpha = (levels[4 * pixel + 3] as number) / largest;
    for (let c = 0; c < 3; c++) {
      const value = (levels[4 * pixel + c] as number) / largest;
      values[3 * pixel + c] = value * alpha + (1 - alpha);
    }
  }
  return values;
}
