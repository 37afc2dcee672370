// Before packing: the recipes travel with the package, inside dist/.
import { cpSync } from 'node:fs';

cpSync(new URL('../../../recipes/', import.meta.url), new URL('../dist/recipes/', import.meta.url), {
  recursive: true,
});
