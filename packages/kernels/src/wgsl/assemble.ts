import { KernelError } from '../errors.ts';
import { type AnyKernel, activeBindings, type ParamType } from './kernel.ts';
import { type Constants, preprocess } from './preprocess.ts';

export interface AssembledShader {
  readonly text: string;
  /** `file:line` of a line of the text, for compiler messages; only the file for line 0, which means none in particular. */
  locate(line: number): string;
}

/**
 * The whole shader: a prelude with features, constants, bindings and params, then the libraries, then the file.
 * @throws ShaderError `wgsl-*` for directives that the preprocessor would get wrong
 */
export function assemble(kernel: AnyKernel, constants: Constants, immediates: boolean): AssembledShader {
  const parts: { file: string; text: string; sourceLine: (line: number) => number }[] = [];
  const prelude = preludeOf(kernel, constants, immediates);
  parts.push({ file: `${kernel.name} prelude`, text: prelude, sourceLine: (line) => line });
  for (const [name, source] of Object.entries(kernel.libraries ?? {})) {
    parts.push({ file: name, ...preprocess(source, constants, name) });
  }
  parts.push({ file: `${kernel.name}.wgsl`, ...preprocess(kernel.source, constants, `${kernel.name}.wgsl`) });
  return {
    text: parts.map((part) => part.text).join('\n'),
    locate(line) {
      let first = 1;
      for (const part of parts) {
        const count = part.text.split('\n').length;
        if (line >= first && line < first + count) return `${part.file}:${part.sourceLine(line - first + 1)}`;
        first += count;
      }
      return `${kernel.name}.wgsl`;
    },
  };
}

function preludeOf(kernel: AnyKernel, constants: Constants, immediates: boolean): string {
  const lines: string[] = [];
  if (kernel.features?.includes('subgroups')) lines.push('enable subgroups;');
  if (kernel.features?.includes('shader-f16')) lines.push('enable f16;');
  if (kernel.features?.includes('chromium-experimental-subgroup-matrix')) {
    lines.push('enable chromium_experimental_subgroup_matrix;');
  }
  for (const [name, value] of Object.entries(constants)) {
    lines.push(
      typeof value === 'boolean' ? `const ${name}: bool = ${value};` : `const ${name}: u32 = ${value}u;`,
    );
  }
  const [x, y, z] = kernel.workgroup(constants);
  lines.push(
    `const WORKGROUP_X: u32 = ${x}u;`,
    `const WORKGROUP_Y: u32 = ${y}u;`,
    `const WORKGROUP_Z: u32 = ${z}u;`,
  );
  activeBindings(kernel, constants).forEach(([name, { access, element }], index) => {
    lines.push(`@group(0) @binding(${index}) var<storage, ${access}> ${name}: array<${element}>;`);
  });
  const params = Object.entries(kernel.params as Record<string, ParamType>);
  if (params.length > 0) {
    lines.push('struct Params {', ...params.map(([name, type]) => `  ${name}: ${type},`), '}');
    lines.push(
      immediates ? 'var<immediate> params: Params;' : '@group(1) @binding(0) var<uniform> params: Params;',
    );
  }
  return lines.join('\n');
}

/**
 * The bytes of a kernel's params: scalars of four bytes in the order of the declaration, no padding needed.
 * @throws KernelError `kernel-params` for a value that is missing or that its type cannot hold
 */
export function packParams(
  kernel: AnyKernel,
  values: Readonly<Record<string, number>>,
): Uint8Array<ArrayBuffer> {
  const names = kernel.paramNames;
  const types = kernel.params as Record<string, ParamType>;
  const bytes = new Uint8Array(names.length * 4);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string;
    const value = values[name] as number;
    const type = types[name];
    if (type === 'f32') view.setFloat32(index * 4, value, true);
    else if (type === 'i32') view.setInt32(index * 4, value, true);
    else view.setUint32(index * 4, value, true);
    const held =
      type === 'f32' ? typeof value === 'number' : value === (type === 'i32' ? value | 0 : value >>> 0);
    if (held) continue;
    throw new KernelError(
      'kernel-params',
      `${kernel.name}: the param ${name} is ${value}, which is no ${type}`,
      'Pass every param that the kernel declares, integers where it says u32 or i32.',
    );
  }
  return bytes;
}
