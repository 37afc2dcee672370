import { join } from 'node:path';
import { expect, it } from 'vitest';
import { installation, packages, titleOf } from './packages.ts';

const absent = () => undefined;

it('installs pinned versions into a folder of their own, without their scripts', () => {
  const { folder, npm } = installation('tfjs', 'root', absent);
  expect(folder).toBe(join('root', 'tfjs-4.22.0-4.22.0'));
  expect(npm).toContain('--ignore-scripts');
  expect(npm?.slice(-2)).toEqual(['@tensorflow/tfjs-core@4.22.0', '@tensorflow/tfjs-backend-webgpu@4.22.0']);
});

it('reuses what is there in the right version, and nothing else', () => {
  const installed = (_: string, name: string) => packages.onnxruntime[name];
  expect(installation('onnxruntime', 'root', installed).npm).toBeUndefined();
  expect(installation('onnxruntime', 'root', () => '0.0.1').npm).toBeDefined();
  const half = (_: string, name: string) => (name.endsWith('core') ? '4.22.0' : undefined);
  expect(installation('tfjs', 'root', half).npm).toBeDefined();
});

it('has nothing to install for ours', () => {
  expect(installation('ours', 'root', absent).npm).toBeUndefined();
  expect(titleOf('ours')).toBe('ours');
  expect(titleOf('tfjs')).toBe('tfjs 4.22.0');
});
