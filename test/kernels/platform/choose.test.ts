import { describe, expect, test } from 'vitest';
import { AdapterError } from '../../../packages/kernels/src/runtime/errors.ts';
import {
  noAdapter,
  noticeFor,
  unknownAdapter,
} from '../../../packages/kernels/src/runtime/platform/advice.ts';
import {
  isWanted,
  kindOf,
  type ListedAdapter,
  mesaMajor,
  namesIn,
  rank,
  tooOld,
} from '../../../packages/kernels/src/runtime/platform/choose.ts';
import type { AdapterDescription } from '../../../packages/kernels/src/runtime/platform/types.ts';

const system = (name: string): ListedAdapter => ({ name, origin: 'system' });
const LAVAPIPE = system('llvmpipe (LLVM 15.0.6, 256 bits)');
const SWIFTSHADER: ListedAdapter = { name: 'SwiftShader Device (Subzero)', origin: 'embedded' };
const NVIDIA = system('NVIDIA H200');
const RADEON = system('AMD Radeon 780M Graphics (RADV PHOENIX)');

describe('the order of choice', () => {
  test('hardware comes before software, and Dawn’s order stands among equals', () => {
    expect(rank(undefined, [LAVAPIPE, RADEON, NVIDIA])).toEqual([RADEON, NVIDIA, LAVAPIPE]);
  });

  test.each<[string, ListedAdapter[]]>([
    ['h200', [NVIDIA]],
    ['RADV', [RADEON]],
    ['hardware', [RADEON, NVIDIA]],
    ['Software', [LAVAPIPE, SWIFTSHADER]],
    ['lavapipe', [LAVAPIPE]],
    ['llvmpipe', [LAVAPIPE]],
    ['LLVM 15', [LAVAPIPE]],
    ['swiftshader', [SWIFTSHADER]],
    ['subzero', [SWIFTSHADER]],
    ['GeForce', []],
  ])('%s means the right adapters', (wanted, meant) => {
    expect(rank(wanted, [LAVAPIPE, SWIFTSHADER, RADEON, NVIDIA])).toEqual(meant);
  });

  test('an alias is a whole word: part of it is part of a name', () => {
    expect(isWanted('soft', system('Microsoft Basic Render Driver'))).toBe(true);
    expect(isWanted('hard', NVIDIA)).toBe(false);
  });

  test.each([
    'llvmpipe (LLVM 19.1.7, 256 bits)',
    'SwiftShader Device (LLVM 10.0.0)',
    'Microsoft Basic Render Driver',
  ])('%s is software', (name) => expect(kindOf(name)).toBe('software'));

  test.each(['NVIDIA H200', 'Apple M2 Pro', 'Intel(R) UHD Graphics 620 (KBL GT2)', 'Quadro WARPED 5'])(
    '%s is hardware',
    (name) => expect(kindOf(name)).toBe('hardware'),
  );
});

describe('Mesa’s age', () => {
  test.each([
    ['llvmpipe: Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6) 0.0.1', 25],
    ['llvmpipe: Mesa 22.3.6 (LLVM 15.0.6)', 22],
    ['SwiftShader driver 5.0.0', undefined],
  ])('%s', (description, major) => expect(mesaMajor(description)).toBe(major));

  test('lavapipe is passed over before 24 and a GPU’s driver never', () => {
    expect(tooOld(LAVAPIPE.name, 'llvmpipe: Mesa 23.3.6 (LLVM 15.0.6)')).toMatch(/Mesa 23/);
    expect(tooOld(LAVAPIPE.name, 'llvmpipe: Mesa 24.0.0 (LLVM 15.0.6)')).toBeUndefined();
    expect(tooOld(RADEON.name, 'radv: Mesa 22.3.6')).toBeUndefined();
  });
});

describe('Dawn’s list of adapters', () => {
  const message = (...names: string[]) =>
    [
      'no suitable backends found',
      'Available adapters:',
      ...names.map((n) => ` * backend: 'vulkan', name: '${n}'`),
    ].join('\n');

  test('names are read whole, quotes and brackets included', () => {
    expect(namesIn(message("Bob's GPU (1)", LAVAPIPE.name))).toEqual(["Bob's GPU (1)", LAVAPIPE.name]);
  });

  test('a name that Dawn would confuse with an earlier one is left out', () => {
    expect(namesIn(message('RTX 3060 Ti', 'RTX 3060', 'RTX 3060 Ti'))).toEqual(['RTX 3060 Ti']);
    expect(namesIn(message('RTX 3060', 'RTX 3060 Ti'))).toEqual(['RTX 3060', 'RTX 3060 Ti']);
  });

  test('no adapters is an empty list, another error is none', () => {
    expect(namesIn(message())).toEqual([]);
    expect(namesIn('device lost')).toBeUndefined();
  });
});

describe('what is said', () => {
  const software: AdapterDescription = {
    name: SWIFTSHADER.name,
    vendor: 'google',
    architecture: 'swiftshader',
    kind: 'software',
    origin: 'embedded',
  };

  test('hardware needs no advice', () => {
    const notice = noticeFor({ ...software, name: 'NVIDIA H200', kind: 'hardware', origin: 'system' }, [
      'lavapipe',
    ]);
    expect(notice).toBe('lua-webgpu: running on NVIDIA H200.');
  });

  test('software is called slow, on one line, with what to install and what was passed over', () => {
    const notice = noticeFor(software, ['an old lavapipe'], 'linux');
    expect(notice).toMatch(
      /slow; install your GPU's Vulkan driver, or Mesa 24.*Passed over: an old lavapipe\.$/,
    );
    expect(notice).not.toContain('\n');
    expect(noticeFor({ ...software, origin: 'system' }, [], 'linux')).not.toContain('Mesa');
    expect(noticeFor({ ...software, origin: 'system' }, [], 'win32')).not.toContain('Vulkan');
  });

  test.each<[NodeJS.Platform, string, RegExp]>([
    [
      'linux',
      'x64',
      /mesa-vulkan-drivers\)\. For the embedded .*npm install @sparticuz\/chromium@147\.0\.0 koffi/,
    ],
    ['linux', 'arm64', /mesa-vulkan-drivers\)\.$/],
    ['darwin', 'arm64', /Metal/],
    ['win32', 'x64', /Direct3D 12/],
  ])('no adapter on %s %s', (platform, arch, fix) => {
    const error = noAdapter(['no libvulkan'], undefined, platform, arch);
    expect(error).toBeInstanceOf(AdapterError);
    expect(error.code).toBe('adapter-none');
    expect(error.message).toContain('no libvulkan');
    expect(error.fix).toMatch(fix);
  });

  test('a failed unpacking puts its own fix into the error', () => {
    const cause = new AdapterError('adapter-embedded', 'no room', 'Set LUA_WEBGPU_CACHE.');
    expect(noAdapter([], cause, 'linux', 'x64').fix).toContain('Set LUA_WEBGPU_CACHE.');
    expect(unknownAdapter('swiftshader', [], [], cause).fix).toContain('Set LUA_WEBGPU_CACHE.');
  });

  test('a wrong name lists those that exist', () => {
    const error = unknownAdapter('zzz', [LAVAPIPE, SWIFTSHADER], [], undefined);
    expect(error.code).toBe('adapter-unknown');
    expect(error.message).toContain(`'${LAVAPIPE.name}', '${SWIFTSHADER.name}'`);
    expect(unknownAdapter('zzz', [], [], undefined).message).toContain('none');
  });
});
