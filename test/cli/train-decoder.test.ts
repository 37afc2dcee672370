/** A decoder of one's own: prepare --pixels, train-decoder, and decode with what came out. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readImage, writeImage } from '@lua-webgpu/lua-model';
import { readTensorFile, sha256OfFile, toFloat32 } from '@lua-webgpu/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { smoothPicture } from '../support/pictures.ts';
import { runHere, temporaryFolder } from './run.ts';
import { writeTinyVae } from './tiny-vae.ts';

const folder = temporaryFolder();
const at = (...names: string[]) => join(folder, ...names);
const decoder = at('small-flux-decoder.safetensors');
let vae = '';

async function succeed(...args: string[]) {
  const { code, stdout, stderr } = await runHere([...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

beforeAll(async () => {
  process.env.LUA_WEBGPU_ADAPTER = 'swiftshader';
  vae = await writeTinyVae(folder);
  mkdirSync(at('photos'));
  await writeImage(at('photos', 'a.png'), smoothPicture(128, 64));
  const prepare = ['prepare', at('photos'), '--vae', vae, '--crop', '64', '--min-side', '64'];
  await succeed(...prepare, '--out', at('with'), '--pixels');
  await succeed(...prepare, '--out', at('without'));
});

describe('train-decoder', () => {
  const small = ['--width', '8', '--blocks', '1,0,0,0', '--steps', '2', '--batch', '1', '--crop', '4'];

  it('writes weights that --vae reads', async () => {
    expect(await succeed('train-decoder', at('with'), '--out', decoder, ...small)).toMatchObject({
      out: decoder,
      profile: 'flux',
      steps: 2,
    });
    await succeed('encode', at('photos', 'a.png'), '--vae', vae, '--out', at('a.safetensors'));
    await succeed('decode', at('a.safetensors'), '--vae', decoder, '--out', at('a.png'));
    expect((await readImage(at('a.png'))).image).toMatchObject({ width: 128, height: 64 });
  });

  it('takes a network of which the results are to be decoded', async () => {
    const out = ['--out', at('adapted.safetensors')];
    const result = await succeed('train-decoder', at('with'), ...out, ...small, '--weights', 'flux-small');
    expect(result.network).toMatchObject({ name: 'flux-small', trained: true });
  });

  it('goes on from the weights of a decoder, of the same shape alone', async () => {
    const train = ['train-decoder', at('with'), '--out', at('further.safetensors'), '--start', decoder];
    // So low a rate leaves half precision as it was.
    await succeed(...train, ...small, '--lr', '1e-12');
    const { metadata } = await readTensorFile(at('further.safetensors'));
    expect(metadata.get('start')).toBe(await sha256OfFile(decoder));
    const tensors = async (path: string) => [...(await readTensorFile(path)).tensors.values()];
    expect((await tensors(at('further.safetensors'))).map(toFloat32)).toEqual(
      (await tensors(decoder)).map(toFloat32),
    );
    const other = await runHere([...train, '--width', '12', ...small.slice(2)]);
    expect(other.code).toBe(3);
    expect(other.stderr).toContain('state-dict-mismatch');
  });

  it('the decoder that comes with the package is refused where a picture has to be encoded', async () => {
    const out = ['--out', at('none.safetensors')];
    const { code, stderr } = await runHere([
      'encode',
      at('photos', 'a.png'),
      '--vae',
      'flux-tiny-decoder',
      ...out,
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('has to be encoded');
    await succeed('decode', at('a.safetensors'), '--vae', 'flux-tiny-decoder', '--out', at('packaged.png'));
  });

  it.each([
    { data: 'without', options: [], code: 3, message: 'holds no pixels' },
    { data: 'with', options: ['--crop', '64'], code: 3, message: 'the latents in' },
    { data: 'with', options: ['--width', '6'], code: 2, message: 'multiple of 4' },
    { data: 'with', options: ['--blocks', '1,x'], code: 2, message: 'whole numbers with commas' },
  ])('refuses $data with $options', async ({ data, options, code, message }) => {
    const out = ['--out', at('none.safetensors')];
    const result = await runHere(['train-decoder', at(data), ...out, ...options]);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(message);
  });
});
