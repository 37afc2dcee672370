import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import {
  type AnyKernel,
  type Capabilities,
  constantCombinations,
  families,
  kernels,
  resolveConstants,
  unsupported,
} from '@lua-webgpu/kernels';
import { registry, vjpOf } from '@lua-webgpu/tensor';
import { type AnyOp, type Forcing, forcings } from '../support/op-checks.ts';
import { opFolder, readSource, root, shaderFolder, type Target } from './sources.ts';

/** One check of one op with one variant. */
export interface OpUnit {
  readonly check: 'forward' | 'vjp' | 'refusals';
  readonly op: string;
  readonly force: Forcing;
}

/** What a mutant of a file has to pass. */
export interface Plan {
  /** Labels of the adapters to run on, one after the other; none where no adapter here can run the code. */
  readonly adapters: readonly string[];
  readonly units: readonly OpUnit[];
  /** Test files, and folders of them, from the repository's root: for mutants that pass the units. */
  readonly testFiles: readonly string[];
}

export type Adapters = ReadonlyMap<string, Capabilities>;

const ops = registry as readonly AnyOp[];
const listed = [...new Set(kernels)];
/** Kernels by the families whose variants they are. */
const variants = families.flatMap((family) => family.variants.map((variant) => ({ family, variant })));

const folderOf = (kernel: AnyKernel): string => kernel.name.split('/')[0] ?? '';

/** Tests of kernels that lie elsewhere than in test/kernels/<family>, by family. */
const testsElsewhere: Readonly<Record<string, readonly string[]>> = {
  'conv2d-weight-gradient': ['test/lua-model/network/gradients.test.ts'],
  optim: ['test/tensor/optim'],
  'tile-blend': ['test/lua-model/upscale/upscale.test.ts'],
};

/** Test files of several ops at once, without the two whose checks the units are. */
const testsOfOps = ['test/kernels/regions', 'test/kernels/image-bands', 'test/tensor/ops'].flatMap((folder) =>
  readdirSync(root + folder)
    .filter((name) => name.endsWith('.test.ts') && !/^(?:registry|vjp)\./.test(name))
    .map((name) => `${folder}/${name}`),
);

/** Those that name one of the ops. */
function testsNaming(units: readonly OpUnit[]): string[] {
  const names = new Set(units.map(({ op }) => op));
  return testsOfOps.filter((file) =>
    [...readSource(file).matchAll(/(?<![.\w])\w+/g)].some(([word]) => names.has(word)),
  );
}

/** The checks for what this mutation may break. */
export async function planOf({ file, vjpFiles }: Target, adapters: Adapters): Promise<Plan> {
  return vjpFiles ? await planOfVjp(vjpFiles) : planOfShader(file.slice(shaderFolder.length), adapters);
}

function planOfShader(shader: string, adapters: Adapters): Plan {
  const source = readSource(shaderFolder + shader);
  const using = listed.filter(
    ({ source: own, libraries = {} }) => own === source || Object.hasOwn(libraries, shader),
  );
  if (using.length === 0) {
    throw new Error(
      `no kernel uses ${shader}: list its kernel in packages/kernels/src/all.ts or delete the file`,
    );
  }
  const folders = [...new Set(using.map(folderOf))];
  const units = unitsOfKernels(using);
  const testFiles = [
    ...folders.map((folder) => `test/kernels/${folder}`).filter((path) => existsSync(root + path)),
    ...folders.flatMap((folder) => testsElsewhere[folder] ?? []),
    ...testsNaming(units),
  ];
  if (testFiles.length === 0 && units.length === 0) {
    throw new Error(`nothing tests ${shader}: name its tests in test/mutants/plan.ts`);
  }
  return { adapters: adaptersFor(using, adapters), units, testFiles };
}

/**
 * The forced variants with these kernels; for kernels outside of all families, which other variants dispatch besides
 * their own, everything of the ops of their folder.
 */
function unitsOfKernels(using: readonly AnyKernel[]): OpUnit[] {
  const chosen = variants.filter(({ variant }) => using.includes(variant.kernel));
  const inFamilies = new Set(variants.map(({ variant }) => variant.kernel));
  const alone = new Set(using.filter((kernel) => !inFamilies.has(kernel)).map(folderOf));
  const around = new Set(
    variants.filter(({ variant }) => alone.has(folderOf(variant.kernel))).map(({ family }) => family.name),
  );
  const pairs = ops.flatMap((op) =>
    forcings(op)
      .filter((force) => {
        const forced = chosen.some(({ family, variant }) => force[family.name] === variant.name);
        return forced || op.families.some((family) => around.has(family));
      })
      .map((force) => ({ op, force })),
  );
  return [
    ...pairs.map(({ op, force }) => ({ check: 'forward', op: op.name, force }) as const),
    ...pairs
      .filter(({ op }) => vjpOf(op))
      .map(({ op, force }) => ({ check: 'vjp', op: op.name, force }) as const),
  ];
}

/**
 * The first adapter that can compile any of the kernels; all that can where they use subgroups, whose size the code
 * depends on, and where they belong to no family: the variant that dispatches them may run on one adapter only.
 */
function adaptersFor(using: readonly AnyKernel[], adapters: Adapters): string[] {
  const able = [...adapters].filter(([, capabilities]) =>
    using.some((kernel) =>
      constantCombinations(kernel).some(
        (given) =>
          unsupported(kernel, resolveConstants(kernel, given, capabilities), capabilities) === undefined,
      ),
    ),
  );
  const labels = able.map(([label]) => label);
  const inFamilies = new Set(variants.map(({ variant }) => variant.kernel));
  const everywhere = using.some((kernel) => kernel.features?.length || !inFamilies.has(kernel));
  return everywhere ? labels : labels.slice(0, 1);
}

async function planOfVjp(vjpFiles: readonly string[]): Promise<Plan> {
  const names = new Set<string>();
  for (const path of readdirSync(root + opFolder)) {
    // These two list the ops of all other files.
    if (path === 'index.ts' || path === 'registry.ts') continue;
    const imports = importsOf(path);
    if (!vjpFiles.some((file) => imports.has(basename(file)))) continue;
    const exported = Object.values((await import(`${root}${opFolder}${path}`)) as Record<string, unknown>);
    for (const op of ops) if (exported.flat().includes(op) && vjpOf(op)) names.add(op.name);
  }
  if (names.size === 0) throw new Error(`no op of the registry has its gradient in ${vjpFiles.join(', ')}`);
  const checks = ['vjp', 'forward', 'refusals'] as const;
  const units = checks.flatMap((check) => [...names].map((op) => ({ check, op, force: {} })));
  return {
    adapters: ['swiftshader'],
    units,
    testFiles: [...testsNaming(units), 'test/lua-model/network/gradients.test.ts'],
  };
}

/** A file of the ops' folder and those that it imports, directly or not. */
function importsOf(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, imported = ''] of readSource(opFolder + file).matchAll(/from '\.\/([\w-]+\.ts)'/g)) {
    importsOf(imported, found);
  }
  return found;
}
