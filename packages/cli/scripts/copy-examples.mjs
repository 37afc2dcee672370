// Before packing: the example latents and their golden values travel with the package, inside dist/.
import { copyFileSync, mkdirSync } from 'node:fs';

const from = new URL('../../../examples/', import.meta.url);
const to = new URL('../dist/examples/', import.meta.url);
mkdirSync(to, { recursive: true });
for (const file of ['dogs.safetensors', 'brushes.safetensors', 'demo-golden.json', 'ATTRIBUTION.md']) {
  copyFileSync(new URL(file, from), new URL(file, to));
}
