import { readFileSync } from 'node:fs';
import {
  AdapterError,
  AllocationError,
  DeviceLostError,
  FileError,
  GpuValidationError,
  KernelError,
  LifetimeError,
  NonFiniteError,
  ShaderError,
  ShapeError,
} from '@lua-webgpu/kernels';
import { describe, expect, it } from 'vitest';
import { commonOptions, parseCommandLine, usageLine } from '../../packages/cli/src/arguments.ts';
import { InterruptedError, UsageError } from '../../packages/cli/src/errors.ts';
import { exitCodeOf, exitCodes } from '../../packages/cli/src/exit-codes.ts';
import { Output } from '../../packages/cli/src/output.ts';
import { runHere } from './run.ts';

const manifest = JSON.parse(
  readFileSync(new URL('../../packages/cli/package.json', import.meta.url), 'utf8'),
) as { version: string };

describe('help', () => {
  it('names every command, exit code and variable', async () => {
    const { code, stdout, stderr } = await runHere(['--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const name of ['upscale', 'encode', 'decode', 'roundtrip', 'inspect', 'doctor', 'demo']) {
      expect(stdout).toContain(`  ${name} `);
    }
    for (const each of exitCodes) expect(stdout).toMatch(new RegExp(`^  ${each.code} +\\S`, 'm'));
    expect(stdout).toContain('LUA_WEBGPU_ADAPTER');
  });

  it('of upscale names every option, and says what happens to scales', async () => {
    const { code, stdout } = await runHere(['upscale', '--help']);
    expect(code).toBe(0);
    const names = ['scale 2|4', 'out', 'weights', 'config', 'preset', 'tile', 'overlap', 'adapter', 'json'];
    const scales = ['latent-scale decoder|diffusion', 'model-scale decoder|diffusion'];
    const pictures = ['vae', 'compare', 'original', 'max-pixels', 'profile flux|sd3|sdxl|sd1'];
    for (const name of [...names, ...scales, ...pictures, 'size HxW']) expect(stdout).toContain(`--${name}`);
    expect(stdout.replace(/\s+/g, ' ')).toContain('Without --latent-scale nothing is converted');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });

  it('of a command is -h, too', async () => {
    expect(await runHere(['inspect', '-h'])).toEqual(await runHere(['inspect', '--help']));
  });

  it('without a command goes to stderr and is a usage error', async () => {
    const { code, stdout, stderr } = await runHere([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage:');
  });

  it('--version prints the version alone', async () => {
    expect(await runHere(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });
});

describe('a wrong command line ends with 2 and says what to write', () => {
  const upscale = ['upscale', 'in.safetensors', '--scale', '2', '--out', 'out.safetensors'];
  const table: [name: string, args: readonly string[], code: string, text: RegExp][] = [
    ['unknown command', ['upscal'], 'usage-command', /Did you mean upscale\?/],
    ['a far-off command', ['frobnicate'], 'usage-command', /^fix: The commands are upscale/m],
    [
      'unknown option',
      [...upscale, '--weigths', 'x'],
      'usage-option',
      /no option --weigths.*\n.*Did you mean --weights\?/,
    ],
    ['a far-off option', [...upscale, '--zzzzzzz'], 'usage-option', /fix: See lua-webgpu upscale --help/],
    ['__proto__', [...upscale, '--__proto__', 'x'], 'usage-option', /no option --__proto__/],
    ['unknown short option', [...upscale, '-x'], 'usage-option', /no option -x/],
    ['option without value', ['upscale', 'a', '--out', '--scale', '2'], 'usage-value', /--out needs a value/],
    ['empty value', [...upscale, '--weights='], 'usage-value', /--weights needs a value/],
    ['flag with a value', [...upscale, '--json=yes'], 'usage-value', /--json takes no value/],
    ['option given twice', [...upscale, '--scale', '4'], 'usage-repeated', /--scale is given twice/],
    ['no input', ['upscale', '--scale', '2', '--out', 'x'], 'usage-argument', /IN is missing/],
    ['two inputs', [...upscale, 'b'], 'usage-argument', /"b" is one argument too many/],
    ['no photo', ['encode', '--vae', 'v', '--out', 'x'], 'usage-argument', /error \[.*\]: PHOTO is missing/],
    ['no --vae', ['roundtrip', 'a.png', 'b.png', 'c.png'], 'usage-argument', /--vae is missing/],
    ['no --scale', ['upscale', 'a', '--out', 'x'], 'usage-argument', /--scale is missing/],
    ['no --out', ['upscale', 'a', '--scale', '2'], 'usage-argument', /--out is missing/],
    ['scale 3', ['upscale', 'a', '--scale', '3', '--out', 'x'], 'usage-value', /one of 2, 4/],
    ['unknown preset', [...upscale, '--preset', 'ligth'], 'usage-value', /Did you mean light\?/],
    ['unknown profile', [...upscale, '--profile', 'sd2'], 'usage-value', /one of flux, sd3, sdxl, sd1/],
    ['unknown scale of latents', [...upscale, '--latent-scale', 'vae'], 'usage-value', /decoder, diffusion/],
    ['neither weights nor preset', upscale, 'usage-model', /--weights FILE.*--preset flux\|/],
    [
      'config and preset',
      [...upscale, '--config', 'c', '--preset', 'tiny'],
      'usage-model',
      /Give one of them/,
    ],
    ['tile 0', [...upscale, '--preset', 'tiny', '--tile', '0'], 'usage-value', /whole number above 0/],
    ['tile of 1e3', [...upscale, '--preset', 'tiny', '--tile', '1e3'], 'usage-value', /whole number above 0/],
    [
      'overlap 1.5',
      [...upscale, '--preset', 'tiny', '--overlap', '1.5'],
      'usage-value',
      /whole number above 0/,
    ],
    ['bound -1', [...upscale, '--preset', 'tiny', '--bound=-1'], 'usage-value', /number from 0 up/],
    ['bound x', [...upscale, '--preset', 'tiny', '--bound', 'x'], 'usage-value', /number from 0 up/],
    [
      'configuration of packaged weights',
      [...upscale, '--weights', 'flux-small', '--preset', 'tiny'],
      'usage-model',
      /bring their configuration/,
    ],
    ['size 64', [...upscale, '--preset', 'tiny', '--size', '64'], 'usage-value', /HEIGHTxWIDTH/],
    ['size 0x64', [...upscale, '--preset', 'tiny', '--size', '0x64'], 'usage-value', /HEIGHTxWIDTH/],
    ['doctor with an argument', ['doctor', 'now'], 'usage-argument', /one argument too many/],
  ];
  it.each(table)('%s', async (_name, args, code, text) => {
    const outcome = await runHere(args);
    expect(outcome.code).toBe(2);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toContain(`error [${code}]: `);
    expect(outcome.stderr).toMatch(text);
  });

  it('and with --json says it as one object on stdout, too', async () => {
    const outcome = await runHere([...upscale, '--json', '--sclae', '2']);
    expect(outcome.code).toBe(2);
    const { error } = JSON.parse(outcome.stdout) as { error: Record<string, string> };
    expect(Object.keys(error)).toEqual(['code', 'message', 'fix']);
    expect(error).toMatchObject({ code: 'usage-option', fix: expect.stringContaining('--scale') });
  });
});

describe('exit codes', () => {
  const table: [error: unknown, code: number][] = [
    [new UsageError('usage-x', 'm', 'f'), 2],
    [new ShapeError('scale-missing', 'm', 'f'), 2],
    [new ShapeError('tile-size', 'm', 'f'), 2],
    [new FileError('latent-size', 'm', 'f'), 2],
    [new FileError('image-extension', 'm', 'f'), 2],
    [new FileError('safetensors-size', 'm', 'f'), 3],
    [new FileError('config-range', 'm', 'f'), 3],
    [new FileError('image-broken', 'm', 'f'), 3],
    [new ShapeError('image-small', 'm', 'f'), 3],
    [new ShapeError('vae-part', 'm', 'f'), 3],
    [new ShapeError('latent-channels', 'm', 'f'), 3],
    [new ShapeError('state-dict-mismatch', 'm', 'f'), 3],
    [new AdapterError('adapter-none', 'm', 'f'), 4],
    [new AllocationError('out-of-memory', 'm', 'f'), 5],
    [new AllocationError('binding-too-large', 'm', 'f'), 5],
    [new DeviceLostError('device-lost', 'm', 'f'), 6],
    [new NonFiniteError('non-finite', 'm', 'f'), 7],
    [new InterruptedError('SIGINT'), 130],
    [new InterruptedError('SIGTERM'), 143],
    [new GpuValidationError('gpu-validation', 'm', 'f'), 1],
    [new ShaderError('wgsl-x', 'm', 'f'), 1],
    [new KernelError('kernel-x', 'm', 'f'), 1],
    [new ShapeError('shape-mismatch', 'm', 'f'), 1],
    [new LifetimeError('scope-none', 'm', 'f'), 1],
    [new TypeError('x is undefined'), 1],
    ['a string', 1],
  ];
  it.each(table)('%s', (error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });

  it('are those of docs/cli.md', () => {
    const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    const section = page.slice(page.indexOf('## Exit codes'));
    const documented = [...section.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(documented).toEqual(exitCodes.map(({ code }) => code));
  });
});

it('an unexpected exception is reported with the place where it was thrown', () => {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WritableStream;
  new Output({ stdout: stream, stderr: stream }, false).failure(new TypeError('x is undefined'));
  expect(written[0]).toMatch(
    /^error \[internal\]: TypeError: x is undefined \(at .*arguments\.test\.ts:\d+:\d+\)?/,
  );
  expect(written[1]).toMatch(/^fix: .*report/);
});

describe('parseCommandLine', () => {
  const spec = {
    name: 'x',
    summary: '',
    positionals: ['FIRST', 'PHOTO…'],
    options: { out: { type: 'string', about: '' }, ...commonOptions },
  } as const;
  it('takes one or more arguments for a positional that ends in …, between options too', () => {
    expect(parseCommandLine(spec, ['a', 'b']).positionals).toEqual(['a', 'b']);
    expect(parseCommandLine(spec, ['a', 'b', '--out', 'o', 'c', 'd']).positionals).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
    expect(() => parseCommandLine(spec, ['a'])).toThrow('PHOTO is missing');
    expect(() => parseCommandLine(spec, [])).toThrow('FIRST is missing');
  });
  it('shows it so', () => {
    expect(usageLine(spec)).toMatch(/^x FIRST PHOTO… \[--out VALUE\]/);
  });
});
