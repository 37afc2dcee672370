import { readFileSync } from 'node:fs';

/** `lua-webgpu` and the version of this package, as checkpoints and metrics name it. */
export function trainerVersion(): string {
  // One level up from src/ as well as from dist/.
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return `lua-webgpu ${(JSON.parse(text) as { version: string }).version}`;
}
