// Before packing: the examples and their golden values travel with the package, inside dist/.
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';

const from = new URL('../../../examples/', import.meta.url);
const to = new URL('../dist/examples/', import.meta.url);
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
for (const file of readdirSync(from).filter((name) => /\.(json|jpg|md|safetensors)$/.test(name))) {
  copyFileSync(new URL(file, from), new URL(file, to));
}
