import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { trainerVersion } from '../../packages/train/src/version.ts';

it('names the version that package.json has', () => {
  const manifest = new URL('../../packages/train/package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  expect(trainerVersion()).toBe(`lua-webgpu ${version}`);
});
