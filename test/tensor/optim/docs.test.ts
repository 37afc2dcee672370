import { readFileSync } from 'node:fs';
import * as kernels from '@lua-webgpu/kernels';
import * as tensor from '@lua-webgpu/tensor';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { adapterCases } from '../../support/adapters.ts';

/** The first TypeScript block of docs/autograd.md. */
function example(): string {
  const page = readFileSync(new URL('../../../docs/autograd.md', import.meta.url), 'utf8');
  const block = /```ts\n([\s\S]*?)```/.exec(page)?.[1];
  if (!block) throw new Error('docs/autograd.md has no example');
  return block;
}

/** The block as a function: imports become what is passed in, and its variables are returned. */
function compile(
  source: string,
): (imports: Record<string, object>) => Promise<{ error: number; model: object }> {
  const body = source.replace(/^import \{([^}]*)\} from '([^']*)';$/gm, (_, names: string, from: string) => {
    return `const {${names.replaceAll(' as ', ': ')}} = imports[${JSON.stringify(from)}];`;
  });
  expect(body).not.toMatch(/^import/m);
  const { outputText } = ts.transpileModule(
    `async function run(imports: never) {\n${body}\nreturn { error, device, model, arena, optimizer };\n}`,
    { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } },
  );
  return new Function(`${outputText}; return run;`)();
}

it.each(await adapterCases())('the example learns y = sin(x) on $label', async ({ options }) => {
  const device = await kernels.openDevice(options);
  const openDevice = async () => device;
  const written: string[] = [];
  const { log } = console;
  console.log = (text: string) => written.push(text);
  try {
    const { error } = await compile(example())({
      '@lua-webgpu/kernels': { ...kernels, openDevice },
      '@lua-webgpu/tensor': tensor,
    });
    expect(error).toBeLessThan(1e-4);
    expect(written).toEqual([`mean squared error ${error}`]);
  } finally {
    console.log = log;
    device.destroy();
  }
});
